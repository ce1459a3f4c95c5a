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
	"time"
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
	// lost says that an error of Swap takes away what is open.
	lost bool
}

func (r *reading) Swap(_ context.Context, next string) (bool, error) {
	if r.err != nil {
		return !r.lost, r.err
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
	return gzipped(t, tarred(t, files))
}

func tarred(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(files[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	compressed := gzip.NewWriter(&packed)
	if _, err := compressed.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := compressed.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// writeFolder writes the files of an edition into a folder.
func writeFolder(t *testing.T, folder string, files map[string]string, modified time.Time) {
	t.Helper()
	for name, content := range files {
		replace(t, filepath.Join(folder, name), []byte(content), modified)
	}
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

// restarted returns what a Keeper is after a restart.
func restarted(t *testing.T, k *Keeper) *Keeper {
	t.Helper()
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	k = NewKeeper(k.form, k.folder, k.source, k.handle)
	if err := k.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return k
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}
