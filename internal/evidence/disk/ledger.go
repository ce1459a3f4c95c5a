// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"bytes"
	"context"
	"errors"
	"io/fs"

	"github.com/go-logr/logr"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// Write implements evidence.Ledger.
func (s *Store) Write(ctx context.Context, environment evidence.Environment, record []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(record) > maxRecord-maxRecordHead {
		return evidence.ErrTooLarge
	}
	name := nameOf(environment)
	turn := s.turn(name)
	turn.Lock()
	defer turn.Unlock()
	return s.write(shardPath(records, name), withDigest(record))
}

// Read implements evidence.Ledger.
func (s *Store) Read(ctx context.Context, environment evidence.Environment) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	content, err := s.read(shardPath(records, nameOf(environment)), maxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, evidence.ErrNotFound
	}
	var record []byte
	if err == nil {
		record, err = withoutDigest(content)
	}
	if errors.Is(err, errDamaged) {
		logr.FromContextOrDiscard(ctx).Info("a record on the disk is damaged",
			"namespace", environment.Namespace, "name", environment.Name)
		return nil, evidence.ErrNotFound
	}
	return record, err
}

// nameOf is what an environment's record is kept under. No namespace has a slash in it.
func nameOf(e evidence.Environment) image.Digest {
	return image.DigestOf([]byte(e.Namespace + "/" + e.Name))
}

// maxRecordHead is the length of the digest and line feed before a record.
const maxRecordHead = len("sha256:") + 64 + 1

// withDigest puts a record's digest before it, so that damage shows.
func withDigest(record []byte) []byte {
	return append([]byte(image.DigestOf(record).String()+"\n"), record...)
}

func withoutDigest(content []byte) ([]byte, error) {
	digest, record, found := bytes.Cut(content, []byte("\n"))
	if !found || string(digest) != image.DigestOf(record).String() {
		return nil, errDamaged
	}
	return record, nil
}
