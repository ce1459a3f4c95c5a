// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package edition

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

var (
	monday  = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	tuesday = monday.AddDate(0, 0, 1)
)

// notes is the form of the tests' database, which is a text.
func notes() Form {
	return Form{
		Name: "notebook", MediaType: "application/vnd.example.notes", File: "notes.txt", Schema: 3, MaxSize: 1 << 10, MaxArchive: 1 << 20,
		Command: "check-notes", Look: lookAtNotes,
	}
}

func lookAtNotes(path string, size int64) error {
	content, err := os.ReadFile(path)
	switch {
	case err != nil:
		return err
	case string(content) == "crash":
		panic("as it must not happen to who keeps the notes")
	case string(content) == "kill":
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case string(content) == "fail":
		return errors.New("no paper")
	case !strings.HasPrefix(string(content), "note ") || int64(len(content)) != size:
		return notes().Unusable("there is no note in it")
	}
	return nil
}

func TestMain(m *testing.M) {
	notes().RunIfAsked(os.Args)
	os.Exit(m.Run())
}

// reading is a Handle that reads the notes.
type reading struct {
	text string
	err  error
}

func (r *reading) Swap(_ context.Context, _, next string) (bool, error) {
	if r.err != nil {
		return true, r.err
	}
	content, err := os.ReadFile(filepath.Join(next, "notes.txt"))
	r.text = string(content)
	return true, err
}

func (r *reading) Close() error { r.text = ""; return nil }

const metadata = `{"Version":3,"UpdatedAt":"2026-01-06T00:00:00Z"}`

func files(text, metadata string) map[string]string {
	return map[string]string{"notes.txt": text, MetadataFile: metadata}
}

func packed(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var archive bytes.Buffer
	compressed := gzip.NewWriter(&archive)
	w := tar.NewWriter(compressed)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(files[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), compressed.Close()); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

func replace(t *testing.T, path string, content []byte, modified time.Time) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path, content, 0o600), os.Chtimes(path, modified, modified)); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, folder string) []string {
	t.Helper()
	listed, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range listed {
		found = append(found, entry.Name())
	}
	return found
}

func refresh(t *testing.T, k *Keeper, want bool) {
	t.Helper()
	if changed, err := k.Refresh(t.Context()); err != nil || changed != want {
		t.Fatalf("changed is %t, error %v", changed, err)
	}
}

func TestRefresh(t *testing.T) {
	source, folder, notebook := filepath.Join(t.TempDir(), "notes.tar.gz"), t.TempDir(), &reading{}
	k := NewKeeper(notes(), folder, notes().FromPath(source), notebook)
	if k.View(func(string) {}) {
		t.Error("there is a view of nothing")
	}
	replace(t, source, packed(t, files("note 1", metadata)), monday)
	refresh(t, k, true)
	refresh(t, k, false)
	first := k.Version()
	if !k.View(func(version string) {
		if version != first || notebook.text != "note 1" {
			t.Errorf("version %s with %q", version, notebook.text)
		}
	}) || !strings.HasPrefix(first, "sha256:") || !k.UpdatedAt().Equal(tuesday) {
		t.Errorf("version %s of %v", first, k.UpdatedAt())
	}
	// The same content anew is no change.
	replace(t, source, packed(t, files("note 1", strings.Replace(metadata, "06", "07", 1))), tuesday)
	refresh(t, k, false)
	if k.Version() != first || !k.UpdatedAt().Equal(tuesday.AddDate(0, 0, 1)) {
		t.Errorf("version %s of %v", k.Version(), k.UpdatedAt())
	}
	replace(t, source, packed(t, files("note 2", strings.Replace(metadata, "06", "08", 1))), tuesday.Add(time.Hour))
	refresh(t, k, true)
	if kept := names(t, folder); len(kept) != 1 || kept[0] != keptPrefix+strings.TrimPrefix(k.Version(), "sha256:") || notebook.text != "note 2" {
		t.Errorf("kept are %v with %q", kept, notebook.text)
	}
	// A restart finds it, and does not fetch what is the same.
	if err := k.Close(); err != nil || notebook.text != "" || k.Version() != "" {
		t.Errorf("error %v", err)
	}
	k = NewKeeper(notes(), folder, notes().FromPath(source), notebook)
	if err := k.Load(t.Context()); err != nil || notebook.text != "note 2" {
		t.Fatalf("%q after a restart, error %v", notebook.text, err)
	}
	refresh(t, k, false)
}

// TestEditionsThatAreRefused shows that each is refused with its reason and that the good one from before stays in use.
func TestEditionsThatAreRefused(t *testing.T) {
	sound := packed(t, files("note 2", metadata))
	for name, test := range map[string]struct {
		archive []byte
		want    string
		// unsure says that the edition may be sound.
		unsure bool
	}{
		"an empty file":              {nil, "its archive is not compressed with gzip", false},
		"garbage":                    {bytes.Repeat([]byte("garbage "), 1000), "its archive is not compressed with gzip", false},
		"a truncated archive":        {sound[:len(sound)/2], "truncated or damaged", false},
		"an archive without its end": {sound[:len(sound)-4], "its archive is damaged at the end", false},
		"another file":               {packed(t, map[string]string{"../notes.txt": "note"}), `its archive holds "../notes.txt", and only notes.txt and metadata.json may be in it, once each`, false},
		"no database":                {packed(t, map[string]string{MetadataFile: metadata}), "its archive has no notes.txt", false},
		"no metadata":                {packed(t, map[string]string{"notes.txt": "note"}), "its archive has no metadata.json", false},
		"an oversized database":      {packed(t, files(strings.Repeat("note ", 300), metadata)), "notes.txt is larger than 1024 bytes", false},
		"oversized metadata":         {packed(t, files("note", strings.Repeat(" ", maxMetadataSize+1))), "metadata.json is larger than 65536 bytes", false},
		"malformed metadata":         {packed(t, files("note", "{")), "metadata.json is malformed", false},
		"metadata without a time":    {packed(t, files("note", `{"Version":3}`)), "metadata.json does not say when the database was updated", false},
		"another schema":             {packed(t, files("note", `{"Version":2}`)), "its schema is version 2, and only 3 can be read", false},
		"an empty database":          {packed(t, files("", metadata)), "notes.txt is empty", false},
		"a database of no use":       {packed(t, files("not a note", metadata)), "unusable notebook: there is no note in it", false},
		"one that ends who reads it": {packed(t, files("crash", metadata)), "reading it ended the process that checked it", false},
		"one older than in use":      {packed(t, files("note 0", strings.Replace(metadata, "06", "04", 1))), "it is older than the one in use", false},
		"one whose check is killed":  {packed(t, files("kill", metadata)), "the check was killed from outside", true},
		"one whose check fails":      {packed(t, files("fail", metadata)), "could not check the notebook: no paper", true},
	} {
		t.Run(name, func(t *testing.T) {
			source, folder, notebook := filepath.Join(t.TempDir(), "notes.tar.gz"), t.TempDir(), &reading{}
			k := NewKeeper(notes(), folder, notes().FromPath(source), notebook)
			replace(t, source, packed(t, files("note 1", strings.Replace(metadata, "06", "05", 1))), monday)
			refresh(t, k, true)
			replace(t, source, test.archive, tuesday)
			for range 2 { // it is told again, with the same words
				changed, err := k.Refresh(t.Context())
				if changed || err == nil || errors.Is(err, ErrUnusable) == test.unsure || !strings.Contains(err.Error(), test.want) {
					t.Errorf("changed is %t, error %v, want %q", changed, err, test.want)
				}
			}
			if left := names(t, folder); len(left) != 1 || notebook.text != "note 1" {
				t.Errorf("left are %v with %q", left, notebook.text)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	for name, test := range map[string]struct {
		change func(t *testing.T, folder, stored string)
		text   string
		want   string
		left   int
	}{
		"a stored edition is loaded":  {func(*testing.T, string, string) {}, "note 1", "", 1},
		"what a kill left is removed": {func(t *testing.T, folder, _ string) { mkdir(t, filepath.Join(folder, incomingPrefix+"1")) }, "note 1", "", 1},
		"one whose content changed is removed": {func(t *testing.T, _, stored string) {
			replace(t, filepath.Join(stored, "notes.txt"), []byte("note 3"), tuesday)
		}, "", "its content changed on the disk", 0},
		"one that cannot be checked is left alone": {func(t *testing.T, _, stored string) {
			replace(t, filepath.Join(stored, "notes.txt"), []byte("fail"), tuesday)
		}, "", "no paper", 1},
		"what others put there is left alone": {func(t *testing.T, folder, _ string) { mkdir(t, filepath.Join(folder, "lost+found")) }, "note 1", "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			source, folder, notebook := t.TempDir(), t.TempDir(), &reading{}
			for name, content := range files("note 1", metadata) {
				replace(t, filepath.Join(source, name), []byte(content), monday)
			}
			k := NewKeeper(notes(), folder, notes().FromPath(source), notebook)
			refresh(t, k, true)
			stored := filepath.Join(folder, keptPrefix+strings.TrimPrefix(k.Version(), "sha256:"))
			if err := k.Close(); err != nil {
				t.Fatal(err)
			}
			test.change(t, folder, stored)
			k = NewKeeper(notes(), folder, notes().FromPath(source), notebook)
			err := k.Load(t.Context())
			if (test.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
			if left := names(t, folder); len(left) != test.left || notebook.text != test.text {
				t.Errorf("left are %v with %q", left, notebook.text)
			}
		})
	}
	if err := NewKeeper(notes(), filepath.Join(t.TempDir(), "not", "there"), notes().FromPath("/nowhere"), &reading{}).Load(t.Context()); err != nil {
		t.Errorf("of nothing the error is %v", err)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestWhatFailsTakesNothingAway(t *testing.T) {
	source, folder, notebook := t.TempDir(), t.TempDir(), &reading{}
	for name, content := range files("note 1", metadata) {
		replace(t, filepath.Join(source, name), []byte(content), monday)
	}
	k := NewKeeper(notes(), folder, notes().FromPath(source), notebook)
	refresh(t, k, true)
	replace(t, filepath.Join(source, "notes.txt"), []byte("note 2"), tuesday)
	notebook.err = errors.New("no light")
	if _, err := k.Refresh(t.Context()); err == nil || err.Error() != "could not open the notebook: no light" || notebook.text != "note 1" {
		t.Errorf("error is %v", err)
	}
	if err := os.Remove(filepath.Join(source, MetadataFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Refresh(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "cannot be read: metadata.json: no such file or directory") {
		t.Errorf("error is %v", err)
	}
	if result, failure, loaded := k.Loaded(); !loaded || failure != "" || result.Digest == "" || len(names(t, folder)) != 1 {
		t.Errorf("loaded is %t, %+v", loaded, result)
	}

	inTheWay := filepath.Join(t.TempDir(), "file")
	replace(t, inTheWay, nil, monday)
	replace(t, filepath.Join(source, MetadataFile), []byte(metadata), monday)
	full := NewKeeper(notes(), filepath.Join(inTheWay, "folder"), notes().FromPath(source), &reading{})
	if _, err := full.Refresh(t.Context()); err == nil || errors.Is(err, ErrUnusable) || err.Error() != "could not store the notebook: not a directory" {
		t.Errorf("error is %v", err)
	}
	if _, failure, loaded := full.Loaded(); loaded || failure != "could not store the notebook: not a directory" {
		t.Errorf("failure is %q", failure)
	}
}

// artifact is a registry that holds one artifact.
type artifact struct {
	registry.Reader // whatever else is asked for panics
	document        image.Document
	layer           []byte
	err, broken     error // of Resolve, and in the middle of the layer
	downloaded      int
}

func (a *artifact) Resolve(context.Context, image.Tag) (image.Document, error) {
	return a.document, a.err
}

func (a *artifact) Blob(context.Context, image.Repository, image.Descriptor) (io.ReadCloser, error) {
	a.downloaded++
	var content io.Reader = bytes.NewReader(a.layer)
	if a.broken != nil {
		content = io.MultiReader(io.LimitReader(content, int64(len(a.layer)/2)), iotest.ErrReader(a.broken))
	}
	return io.NopCloser(content), nil
}

func TestRefreshFromARegistry(t *testing.T) {
	repository, err := image.ParseRepository("mirror.example.com/notes")
	if err != nil {
		t.Fatal(err)
	}
	tag := image.Tag{Repository: repository, Name: "3"}
	for name, test := range map[string]struct {
		change   func(a *artifact)
		want     string
		unusable bool
	}{
		"a sound artifact": {func(*artifact) {}, "", false},
		"a registry that does not answer": {func(a *artifact) { a.err = errors.New("no answer") },
			"could not look for the notebook mirror.example.com/notes:3: no answer", false},
		"a layer that breaks off": {func(a *artifact) { a.broken = errors.New("connection lost") },
			"could not pull the notebook mirror.example.com/notes:3: connection lost", false},
		"a layer that is larger than it says": {func(a *artifact) { a.document.Manifest.Layers[0].Size-- }, "layer.tar.gz is larger than", true},
		"an index":                            {func(a *artifact) { a.document.Manifest = nil }, "the artifact must have one layer of the type", true},
		"another type":                        {func(a *artifact) { a.document.Manifest.Layers[0].MediaType = "x" }, "the artifact must have one layer of the type", true},
		"a layer that is too large":           {func(a *artifact) { a.document.Manifest.Layers[0].Size = 1<<20 + 1 }, "the artifact's layer is larger than 1048576 bytes", true},
	} {
		t.Run(name, func(t *testing.T) {
			layer := packed(t, files("note 1", metadata))
			source, folder := &artifact{layer: layer, document: image.Document{Digest: image.DigestOf(layer), Manifest: &image.Manifest{
				Layers: []image.Descriptor{{MediaType: notes().MediaType, Digest: image.DigestOf(layer), Size: int64(len(layer))}}}}}, t.TempDir()
			test.change(source)
			k := NewKeeper(notes(), folder, notes().FromRegistry(source, tag), &reading{})
			for range 2 {
				_, err = k.Refresh(t.Context())
				if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) || errors.Is(err, ErrUnusable) != test.unusable {
					t.Errorf("error is %v, want %q", err, test.want)
				}
			}
			if (test.unusable || test.want == "") && source.downloaded > 1 {
				t.Errorf("downloaded %d times", source.downloaded)
			}
			if left := names(t, folder); len(left) > 1 || len(left) == 1 && test.want != "" {
				t.Errorf("left are %v", left)
			}
		})
	}
}
