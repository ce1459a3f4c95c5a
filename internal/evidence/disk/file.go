// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// shards is how many folders files are spread over: 100,000 subjects leave 400 files in each.
const shards = 256

// errDamaged says that a file is there and not what it should be.
var errDamaged = errors.New("damaged")

func shardOf(d image.Digest) int { return int(d.Sum()[0]) }

// shardPath is where the file named by a digest stands under a folder of the store.
func shardPath(folder string, d image.Digest) string {
	name := d.Hex()
	return filepath.Join(filepath.FromSlash(folder), name[:2], name)
}

// prepare makes the folders of a store and removes what was left half written.
func prepare(dir string) error {
	if err := os.RemoveAll(filepath.Join(dir, temporary)); err != nil {
		return err
	}
	for _, folder := range []string{temporary, blobs, indexes, records} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			return err
		}
	}
	for _, folder := range []string{blobs, indexes, records} {
		folder = filepath.Join(dir, folder)
		for i := range shards {
			if err := os.Mkdir(filepath.Join(folder, fmt.Sprintf("%02x", i)), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
		}
		if err := syncFolder(folder); err != nil {
			return err
		}
	}
	return nil
}

// write makes or replaces a file such that it is whole or as it was, whenever the process or the machine stops.
func (s *Store) write(name string, content []byte) error {
	file, err := os.CreateTemp(filepath.Join(s.dir, temporary), "")
	if err != nil {
		return explain(err)
	}
	place := filepath.Join(s.dir, name)
	err = fill(file, content)
	if err == nil {
		err = os.Rename(file.Name(), place)
	}
	if err != nil {
		return errors.Join(explain(err), explain(os.Remove(file.Name())))
	}
	return explain(syncFolder(filepath.Dir(place)))
}

// fill writes, syncs and closes the file.
func fill(file *os.File, content []byte) error {
	_, err := file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func syncFolder(name string) error {
	folder, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// read reads a file of at most limit bytes. The error is fs.ErrNotExist, errDamaged, or that of the operating system.
func (s *Store) read(name string, limit int64) ([]byte, error) {
	content, _, err := s.readDated(name, limit)
	return content, err
}

// readDated is read with the file's time.
func (s *Store) readDated(name string, limit int64) (content []byte, modified time.Time, err error) {
	file, err := os.Open(filepath.Join(s.dir, name))
	if err != nil {
		return nil, time.Time{}, explain(err)
	}
	defer file.Close() //nolint:errcheck // It was only read from.
	info, err := file.Stat()
	if err != nil {
		return nil, time.Time{}, explain(err)
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, time.Time{}, errDamaged
	}
	content = make([]byte, info.Size())
	if _, err := io.ReadFull(file, content); err != nil {
		if errors.Is(err, syscall.EIO) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return nil, time.Time{}, errDamaged
		}
		return nil, time.Time{}, explain(err)
	}
	return content, info.ModTime(), nil
}

// explain takes the path out of an error, which for a temporary file is another one each time, and names a full disk.
func explain(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return evidence.ErrFull
	case errors.As(err, &path):
		return fmt.Errorf("%s: %w", path.Op, path.Err)
	case errors.As(err, &link):
		return fmt.Errorf("%s: %w", link.Op, link.Err)
	}
	return err
}

// acquire takes the lock that says that a process has the store. The kernel releases it when the process ends.
func acquire(name string) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errors.New("another process has it open, and one at a time may")
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
