// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"sync"

	"github.com/go-logr/logr"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// index is what the index file of a subject holds.
type index struct {
	Subject image.Digest `json:"subject"`
	Pieces  pieces       `json:"pieces"`
}

// pieces of evidence about one subject.
type pieces map[evidence.Kind]piece

// piece says where the content of a piece of evidence is.
type piece struct {
	Digest image.Digest `json:"digest"`
	Size   int64        `json:"size"`
}

// readIndex reads the subject's index. A damaged one is logged and counts as none.
func (s *Store) readIndex(ctx context.Context, subject image.Digest) (pieces, error) {
	content, used, err := s.readDated(shardPath(indexes, subject), maxIndex)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return pieces{}, nil
	case errors.Is(err, errDamaged):
		return noPieces(ctx, subject), nil
	case err != nil:
		return nil, err
	}
	if read, ok := parseIndex(content); ok && read.Subject == subject {
		s.touch(shardPath(indexes, subject), used)
		return read.Pieces, nil
	}
	return noPieces(ctx, subject), nil
}

func parseIndex(content []byte) (index, bool) {
	var read index
	err := json.Unmarshal(content, &read)
	return read, err == nil && read.Pieces != nil
}

// noPieces logs that the subject's index is damaged.
func noPieces(ctx context.Context, subject image.Digest) pieces {
	logr.FromContextOrDiscard(ctx).Info("an index on the disk is damaged; its evidence will be gathered anew", "subject", subject.String())
	return pieces{}
}

// writeIndex replaces the subject's index.
func (s *Store) writeIndex(subject image.Digest, p pieces) error {
	content, err := json.Marshal(index{Subject: subject, Pieces: p})
	if err != nil {
		return err
	}
	if len(content) > maxIndex {
		return evidence.ErrTooLarge
	}
	return s.write(shardPath(indexes, subject), content)
}

// turn is the mutex for rewriting what belongs to the digest.
func (s *Store) turn(d image.Digest) *sync.Mutex { return &s.turns[shardOf(d)] }
