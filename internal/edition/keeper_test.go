// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package edition

import (
	"bytes"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestRefresh(t *testing.T) {
	source, folder, notebook := filepath.Join(t.TempDir(), "notes.tar.gz"), t.TempDir(), &reading{}
	k := NewKeeper(notes(), folder, notes().FromPath(source), notebook)
	if k.View(func(Result) {}) {
		t.Error("there is a view of nothing")
	}
	replace(t, source, packed(t, files("note 1", metadata)), monday)
	refresh(t, k, true)
	refresh(t, k, false)
	first := k.Version()
	if !k.View(func(inUse Result) {
		if inUse.Version() != first || notebook.text != "note 1" {
			t.Errorf("version %s with %q", inUse.Version(), notebook.text)
		}
	}) || !strings.HasPrefix(first, "sha256:") || !k.UpdatedAt().Equal(tuesday) {
		t.Errorf("version %s of %v", first, k.UpdatedAt())
	}
	// The same content anew is no change, and what it says of itself survives a restart.
	replace(t, source, packed(t, files("note 1", strings.Replace(metadata, "06", "07", 1))), tuesday)
	refresh(t, k, false)
	for range 2 {
		if k.Version() != first || !k.UpdatedAt().Equal(tuesday.AddDate(0, 0, 1)) {
			t.Errorf("version %s of %v", k.Version(), k.UpdatedAt())
		}
		k = restarted(t, k)
		refresh(t, k, false)
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
	k = restarted(t, k)
	if notebook.text != "note 2" {
		t.Fatalf("%q after a restart", notebook.text)
	}
	refresh(t, k, false)
}

func TestRefreshFromAFolder(t *testing.T) {
	source, notebook := t.TempDir(), &reading{}
	writeFolder(t, source, files("note 1", metadata), monday)
	k := NewKeeper(notes(), t.TempDir(), notes().FromPath(source), notebook)
	refresh(t, k, true)
	refresh(t, k, false)
	replace(t, filepath.Join(source, "notes.txt"), []byte("note 2"), tuesday)
	refresh(t, k, true)
	if notebook.text != "note 2" {
		t.Errorf("open is %q", notebook.text)
	}
}

// TestAViewSeesOneEdition begins a view, and has the next edition taken up meanwhile.
func TestAViewSeesOneEdition(t *testing.T) {
	source, notebook := t.TempDir(), &reading{}
	writeFolder(t, source, files("note 1", metadata), monday)
	k := NewKeeper(notes(), t.TempDir(), notes().FromPath(source), notebook)
	refresh(t, k, true)
	before := k.Version()
	replace(t, filepath.Join(source, "notes.txt"), []byte("note 2"), tuesday)
	refreshed := make(chan error)
	k.View(func(inUse Result) {
		go func() {
			_, err := k.Refresh(t.Context())
			refreshed <- err
		}()
		for k.viewing.TryRLock() { // until the swap waits for the view
			k.viewing.RUnlock()
			runtime.Gosched()
		}
		if inUse.Version() != before || k.Version() != before || notebook.text != "note 1" {
			t.Errorf("during the swap the version is %s with %q", k.Version(), notebook.text)
		}
	})
	if err := <-refreshed; err != nil || k.Version() == before || notebook.text != "note 2" {
		t.Errorf("after the swap the version is %s with %q, error %v", k.Version(), notebook.text, err)
	}
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
		"an empty file":               {nil, "its archive is not compressed with gzip", false},
		"garbage":                     {bytes.Repeat([]byte("garbage "), 1000), "its archive is not compressed with gzip", false},
		"a truncated archive":         {sound[:len(sound)/2], "truncated or damaged", false},
		"an archive that is no tar":   {gzipped(t, bytes.Repeat([]byte("garbage "), 1000)), "its archive is truncated or damaged", false},
		"an archive with a long tail": {gzipped(t, append(tarred(t, files("note 2", metadata)), make([]byte, maxPadding+1)...)), "its archive is damaged at the end", false},
		"an archive of many folders":  {packed(t, map[string]string{"./": "", "././": "", "./././": "", "././././": "", "./././././": "", "././././././": "", "./././././././": "", "././././././././": ""}), "its archive has more than 8 entries", false},
		"an archive without its end":  {sound[:len(sound)-4], "its archive is damaged at the end", false},
		"another file":                {packed(t, map[string]string{"../notes.txt": "note"}), `its archive holds "../notes.txt", and only notes.txt and metadata.json may be in it, once each`, false},
		"no database":                 {packed(t, map[string]string{MetadataFile: metadata}), "its archive has no notes.txt", false},
		"no metadata":                 {packed(t, map[string]string{"notes.txt": "note"}), "its archive has no metadata.json", false},
		"an oversized database":       {packed(t, files(strings.Repeat("note ", 300), metadata)), "notes.txt is larger than 1024 bytes", false},
		"oversized metadata":          {packed(t, files("note", strings.Repeat(" ", maxMetadataSize+1))), "metadata.json is larger than 65536 bytes", false},
		"malformed metadata":          {packed(t, files("note", "{")), "metadata.json is malformed", false},
		"metadata without a time":     {packed(t, files("note", `{"Version":3}`)), "metadata.json does not say when the database was updated", false},
		"another schema":              {packed(t, files("note", `{"Version":2}`)), "its schema is version 2, and only 3 can be read", false},
		"an empty database":           {packed(t, files("", metadata)), "notes.txt is empty", false},
		"a database of no use":        {packed(t, files("not a note", metadata)), "unusable notebook: there is no note in it", false},
		"one that ends who reads it":  {packed(t, files("crash", metadata)), "reading it ended the process that checked it", false},
		"one older than in use":       {packed(t, files("note 0", strings.Replace(metadata, "06", "04", 1))), "it is older than the one in use", false},
		"one whose check is killed":   {packed(t, files("kill", metadata)), "the check was killed from outside", true},
		"one whose check fails":       {packed(t, files("fail", metadata)), "could not check the notebook: no paper", true},
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
					t.Fatalf("changed is %t, error %v, want %q", changed, err, test.want)
				}
				if strings.Contains(err.Error(), folder) {
					t.Errorf("error %q names the folder", err)
				}
			}
			if left := names(t, folder); len(left) != 1 || notebook.text != "note 1" {
				t.Errorf("left are %v with %q", left, notebook.text)
			}
			// A restart changes nothing, and a sound one is taken up afterwards.
			k = restarted(t, k)
			if notebook.text != "note 1" {
				t.Errorf("after a restart open is %q", notebook.text)
			}
			replace(t, source, sound, tuesday.Add(time.Hour))
			refresh(t, k, true)
		})
	}
}

func TestWhatFailsTakesNothingAway(t *testing.T) {
	source, folder, notebook := t.TempDir(), t.TempDir(), &reading{}
	writeFolder(t, source, files("note 1", metadata), monday)
	k := NewKeeper(notes(), folder, notes().FromPath(source), notebook)
	refresh(t, k, true)
	replace(t, filepath.Join(source, "notes.txt"), []byte("note 2"), tuesday)
	notebook.err = errors.New("no light")
	if _, err := k.Refresh(t.Context()); err == nil || err.Error() != "could not open the notebook: no light" || notebook.text != "note 1" {
		t.Errorf("error is %v", err)
	}
	remove(t, filepath.Join(source, MetadataFile))
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
	if _, err := full.Scratch(); err == nil || err.Error() != "could not store the notebook: not a directory" {
		t.Errorf("error is %v", err)
	}
}

// TestWhatIsLostIsFetchedAnew loses the edition in use, which is none that anybody may have a view of.
func TestWhatIsLostIsFetchedAnew(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, k *Keeper, notebook *reading, source string){
		"because who viewed it says so": func(_ *testing.T, k *Keeper, _ *reading, _ string) {
			k.View(func(Result) { k.Lose(errors.New("no light")) })
		},
		"because a swap failed and could not be undone": func(t *testing.T, k *Keeper, notebook *reading, source string) {
			t.Helper()
			replace(t, filepath.Join(source, "notes.txt"), []byte("note 2"), tuesday)
			notebook.err, notebook.lost = errors.New("no light"), true
			if _, err := k.Refresh(t.Context()); err == nil {
				t.Error("there was no error")
			}
			notebook.err = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			source, notebook := t.TempDir(), &reading{}
			writeFolder(t, source, files("note 1", metadata), monday)
			k := NewKeeper(notes(), t.TempDir(), notes().FromPath(source), notebook)
			refresh(t, k, true)
			lose(t, k, notebook, source)
			if _, failure, loaded := k.Loaded(); loaded || !strings.HasSuffix(failure, "no light") || k.View(func(Result) {}) {
				t.Errorf("loaded is %t, failure %q", loaded, failure)
			}
			refresh(t, k, true)
			if _, _, loaded := k.Loaded(); !loaded {
				t.Error("it is not there again")
			}
			k.Lose(errors.New("no light"))
			if err := k.Close(); err != nil || notebook.text != "" {
				t.Errorf("what was lost stays open: %q, error %v", notebook.text, err)
			}
		})
	}
}
