// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// scratchPrefix begins the names of scratch folders.
const scratchPrefix = "assay-index-"

// scratch is a child's folder. Its owner holds a lock on it, which the kernel takes back from whoever dies: a folder that
// can be locked is a leftover.
type scratch struct {
	path   string
	locked *os.File
}

// newScratch makes a folder. Between making and locking it another process may take it for a leftover; then there is a
// next one.
func newScratch(dir string) (scratch, error) {
	const attempts = 5
	for range attempts {
		path, err := os.MkdirTemp(dir, scratchPrefix)
		if err != nil {
			return scratch{}, err
		}
		locked, err := lock(path)
		if err == nil && present(path, locked) {
			return scratch{path: path, locked: locked}, nil
		}
		if err == nil {
			_ = locked.Close()
		}
	}
	return scratch{}, errors.New("it disappears")
}

// present says whether a folder that was opened is still there.
func present(path string, opened *os.File) bool {
	want, err := opened.Stat()
	if err != nil {
		return false
	}
	got, err := os.Lstat(path)
	return err == nil && os.SameFile(want, got)
}

// remove removes the folder with all that is in it.
func (s scratch) remove(logger *slog.Logger) {
	if err := os.RemoveAll(s.path); err != nil {
		logger.Error("Cannot remove a scratch folder; the next start tries again", "error", err)
	}
	_ = s.locked.Close()
}

// removeLeftovers removes the scratch folders of processes that are gone.
func removeLeftovers(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !entry.IsDir() || !strings.HasPrefix(entry.Name(), scratchPrefix) {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		locked, err := lock(path)
		if err != nil {
			continue // it is in use, or somebody else's
		}
		err = os.RemoveAll(path)
		_ = locked.Close()
		if err != nil {
			return fmt.Errorf("remove what a killed process left: %w", err)
		}
	}
	return nil
}

// lock opens and locks a folder, if nobody else has.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
