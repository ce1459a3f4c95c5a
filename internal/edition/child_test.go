// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package edition

import (
	"context"
	"errors"
	"testing"
)

func TestWhatCannotBeCheckedIsNotUnusable(t *testing.T) {
	folder := t.TempDir()
	writeFolder(t, folder, files("note", metadata), monday)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := notes().check(ctx, folder); err == nil || errors.Is(err, ErrUnusable) {
		t.Errorf("error is %v, want one that is not ErrUnusable", err)
	}
}

func TestParseAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		output   string
		unusable bool
	}{
		"a program that knows nothing of the check": {"usage: program", false},
		"a program that says nothing":               {"", false},
		"an answer without a result":                {"{}", false},
		"a child that could not read":               {`{"failure":"open notes.txt: permission denied"}`, false},
		"a child that found a problem":              {`{"problem":"notes.txt is empty"}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := notes().parseAnswer([]byte(test.output)); err == nil || errors.Is(err, ErrUnusable) != test.unusable {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// What is unusable is not fetched again before it changes, which must not come of a disk that fails once. A folder opens as a
// file does, and cannot be read as one.
func TestAnArchiveThatTheDiskDoesNotGiveIsNotUnusable(t *testing.T) {
	err := notes().unpack(t.Context(), t.TempDir(), t.TempDir())
	if want := "could not read the archive of the notebook: is a directory"; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}
