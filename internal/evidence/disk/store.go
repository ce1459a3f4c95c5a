// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package disk keeps evidence in the folders of a file system:
//
//	lock                      held while the store is open
//	tmp/                      files being written; emptied when the store is opened
//	blobs/sha256/ab/<hex>     content by its digest
//	index/sha256/ab/<hex>     which blob is which kind of evidence about the subject <hex>, as JSON
//	records/ab/<hex>          the ledger's record of the environment whose name hashes to <hex>
//
// A file comes into being by being renamed into its place after it was written and synced, so that it is whole or absent
// whenever the process is killed. A blob is written before the index that names it.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/go-logr/logr"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

const (
	// maxPiece bounds a piece of evidence, in bytes. The inventory of an image with 100,000 packages has a third of that.
	maxPiece = 128 << 20
	// maxIndex and maxRecord bound the small files.
	maxIndex  = 4 << 20
	maxRecord = 4 << 20
	// enoughRoom is what the inventory and the SBOMs of a large image may take, in bytes.
	enoughRoom = 64 << 20
)

const (
	temporary = "tmp"
	blobs     = "blobs/sha256"
	indexes   = "index/sha256"
	records   = "records"
)

// Store is an evidence.Store and an evidence.Ledger on a disk. It is safe for concurrent use.
type Store struct {
	dir  string
	lock *os.File
	now  func() time.Time
	// sweeping is held to read by who puts a piece, from looking for its content until an index names it.
	sweeping sync.RWMutex
	// turns has one mutex for the subjects and environments of each shard, held while its index or record is rewritten.
	turns [shards]sync.Mutex
}

var (
	_ evidence.Store  = (*Store)(nil)
	_ evidence.Ledger = (*Store)(nil)
)

// Open opens the store in dir, which it makes if need be, for this process alone: it fails while another one has it open. What
// a killed process left half written is removed. The caller closes the store.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the evidence store: %w", err)
	}
	lock, err := acquire(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("open the evidence store in %s: %w", dir, err)
	}
	if err := prepare(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("open the evidence store: %w", err), lock.Close())
	}
	return &Store{dir: dir, lock: lock, now: time.Now}, nil //nolint:forbidigo // The default of a clock that tests set.
}

// Close lets other processes open the store. No other method may be called during or after it.
func (s *Store) Close() error { return s.lock.Close() }

// Put implements evidence.Store.
func (s *Store) Put(ctx context.Context, subject image.Digest, kind evidence.Kind, content []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(content) > maxPiece {
		return evidence.ErrTooLarge
	}
	written := piece{Digest: image.DigestOf(content), Size: int64(len(content))}
	turn := s.turn(subject)
	turn.Lock()
	defer turn.Unlock()
	s.sweeping.RLock()
	defer s.sweeping.RUnlock()
	pieces, err := s.readIndex(ctx, subject)
	if err != nil {
		return err
	}
	if err := s.putBlob(written, content); err != nil {
		return err
	}
	if pieces[kind] == written {
		return nil
	}
	pieces[kind] = written
	return s.writeIndex(subject, pieces)
}

// Get implements evidence.Store.
func (s *Store) Get(ctx context.Context, subject image.Digest, kind evidence.Kind) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	pieces, err := s.readIndex(ctx, subject)
	if err != nil {
		return nil, err
	}
	wanted, there := pieces[kind]
	if !there {
		return nil, evidence.ErrNotFound
	}
	content, err := s.blob(wanted)
	if errors.Is(err, errDamaged) {
		logr.FromContextOrDiscard(ctx).Info("evidence on the disk is damaged; it will be gathered anew",
			"subject", subject.String(), "kind", string(kind), "blob", wanted.Digest.String())
		return nil, evidence.ErrNotFound
	}
	return content, err
}

// Kinds implements evidence.Store.
func (s *Store) Kinds(ctx context.Context, subject image.Digest) (map[evidence.Kind]int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	pieces, err := s.readIndex(ctx, subject)
	if err != nil {
		return nil, err
	}
	sizes := make(map[evidence.Kind]int64, len(pieces))
	for kind, p := range pieces {
		sizes[kind] = p.Size
	}
	return sizes, nil
}

// Room implements evidence.Store.
func (s *Store) Room(ctx context.Context) error {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(s.dir, &disk); err != nil {
		return explain(err)
	}
	return errors.Join(ctx.Err(), roomIn(disk.Bavail*uint64(disk.Bsize)))
}

// roomIn judges the number of bytes that are free.
func roomIn(free uint64) error {
	if free < enoughRoom {
		return evidence.ErrFull
	}
	return nil
}

// putBlob writes the blob unless it is there and whole.
func (s *Store) putBlob(p piece, content []byte) error {
	if _, err := s.blob(p); err == nil {
		s.touch(shardPath(blobs, p.Digest), time.Time{})
		return nil
	}
	return s.write(shardPath(blobs, p.Digest), content)
}

// blob reads a blob and checks it. The error is errDamaged also when it is not there, since an index says that it should be.
func (s *Store) blob(p piece) ([]byte, error) {
	content, err := s.read(shardPath(blobs, p.Digest), maxPiece)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errDamaged
	case err != nil:
		return nil, err
	case int64(len(content)) != p.Size, image.DigestOf(content) != p.Digest:
		return nil, errDamaged
	}
	return content, nil
}
