// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/assay-dev/assay/internal/image"
)

// touchAfter is how old the time in a file may be that says when it was used last.
const touchAfter = 24 * time.Hour

// Swept is what a sweep removed.
type Swept struct {
	Subjects, Blobs int
	// Bytes that the blobs had.
	Bytes int64
}

// Sweep removes the evidence on subjects of which nothing was asked since the given time, and contents that no subject has any more, such
// as reports that were replaced. Records of the ledger stay. What is put or asked for meanwhile stays, too.
func (s *Store) Sweep(ctx context.Context, since time.Time) (Swept, error) {
	var swept Swept
	named := map[image.Digest]struct{}{}
	err := s.each(ctx, indexes, func(subject image.Digest, path string) error {
		removed, err := s.removeUnused(subject, path, since)
		if removed || err != nil {
			swept.Subjects++
			return err
		}
		return s.name(subject, named)
	})
	if err != nil {
		return swept, fmt.Errorf("look through the evidence: %w", explain(err))
	}
	err = s.each(ctx, blobs, func(digest image.Digest, path string) error {
		if _, there := named[digest]; there {
			return nil
		}
		size, err := s.removeBlob(path, since)
		if size >= 0 {
			swept.Blobs++
			swept.Bytes += size
		}
		return err
	})
	if err != nil {
		return swept, fmt.Errorf("remove contents that nobody has: %w", explain(err))
	}
	return swept, nil
}

// name adds the contents that a subject has. To look them through is no use of them.
func (s *Store) name(subject image.Digest, named map[image.Digest]struct{}) error {
	content, err := s.read(shardPath(indexes, subject), maxIndex)
	if errors.Is(err, errDamaged) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if index, ok := parseIndex(content); ok {
		for _, p := range index.Pieces {
			named[p.Digest] = struct{}{}
		}
	}
	return err
}

// each calls do for every file of a folder that is named by a digest.
func (s *Store) each(ctx context.Context, folder string, do func(digest image.Digest, path string) error) error {
	for i := range shards {
		shard := filepath.Join(s.dir, filepath.FromSlash(folder), fmt.Sprintf("%02x", i))
		entries, err := os.ReadDir(shard)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if err := ctx.Err(); err != nil {
				return err
			}
			digest, err := image.ParseDigest("sha256:" + entry.Name())
			if err != nil {
				continue
			}
			if err := do(digest, filepath.Join(shard, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeUnused removes a subject's index when the subject was not used since.
func (s *Store) removeUnused(subject image.Digest, path string, since time.Time) (removed bool, err error) {
	turn := s.turn(subject)
	turn.Lock()
	defer turn.Unlock()
	info, err := os.Stat(path)
	if err != nil || info.ModTime().After(since) {
		return false, ignoreNotExist(err)
	}
	return true, ignoreNotExist(os.Remove(path))
}

// removeBlob removes a blob that no index named a while ago, unless it was put since. size is negative when it stays.
func (s *Store) removeBlob(path string, since time.Time) (size int64, err error) {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	info, err := os.Stat(path)
	if err != nil || info.ModTime().After(since) {
		return -1, ignoreNotExist(err)
	}
	return info.Size(), ignoreNotExist(os.Remove(path))
}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// touch notes in a file's time that the file is used, when that was noted long ago.
func (s *Store) touch(name string, noted time.Time) {
	if now := s.now(); now.Sub(noted) >= touchAfter {
		_ = os.Chtimes(filepath.Join(s.dir, name), time.Time{}, now) // The next use tries again.
	}
}
