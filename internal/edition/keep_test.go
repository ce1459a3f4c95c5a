// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package edition

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"
)

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
		"one that is damaged is removed": {func(t *testing.T, _, stored string) {
			replace(t, filepath.Join(stored, "notes.txt"), []byte("not"), tuesday)
		}, "", "stored database: unusable notebook: there is no note in it", 0},
		"one without its database is removed": {func(t *testing.T, _, stored string) {
			remove(t, filepath.Join(stored, "notes.txt"))
		}, "", "notes.txt is missing", 0},
		"one without its metadata is removed": {func(t *testing.T, _, stored string) {
			remove(t, filepath.Join(stored, MetadataFile))
		}, "", "metadata.json is missing", 0},
		"one whose metadata grew is removed": {func(t *testing.T, _, stored string) {
			replace(t, filepath.Join(stored, MetadataFile), []byte(metadata+strings.Repeat(" ", maxMetadataSize)), tuesday)
		}, "", "metadata.json is malformed", 0},
		"of two the newer is loaded": {func(t *testing.T, folder, _ string) {
			digest := sha256.Sum256([]byte("note 0"))
			older := filepath.Join(folder, keptPrefix+hex.EncodeToString(digest[:]))
			mkdir(t, older)
			writeFolder(t, older, files("note 0", strings.Replace(metadata, "06", "04", 1)), monday)
		}, "note 1", "", 1},
		"one that cannot be checked is left alone": {func(t *testing.T, _, stored string) {
			replace(t, filepath.Join(stored, "notes.txt"), []byte("fail"), tuesday)
		}, "", "no paper", 1},
		"what others put there is left alone": {func(t *testing.T, folder, _ string) { mkdir(t, filepath.Join(folder, "lost+found")) }, "note 1", "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			source, folder, notebook := t.TempDir(), t.TempDir(), &reading{}
			writeFolder(t, source, files("note 1", metadata), monday)
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
			refresh(t, k, test.text == "") // what is there is not fetched again
		})
	}
	if err := NewKeeper(notes(), filepath.Join(t.TempDir(), "not", "there"), notes().FromPath("/nowhere"), &reading{}).Load(t.Context()); err != nil {
		t.Errorf("of nothing the error is %v", err)
	}
}

func TestWhatAKillLeavesOfScratchIsRemoved(t *testing.T) {
	k := NewKeeper(notes(), t.TempDir(), notes().FromPath("/nowhere"), &reading{})
	folder, err := k.Scratch()
	if err != nil {
		t.Fatal(err)
	}
	replace(t, filepath.Join(folder, "notes.txt"), []byte("note"), monday)
	if err := k.Load(t.Context()); err != nil || len(names(t, k.folder)) != 0 {
		t.Errorf("left are %v, error %v", names(t, k.folder), err)
	}
}
