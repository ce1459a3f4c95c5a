// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fake keeps evidence in memory, for tests of what stands on the evidence ports.
package fake

import (
	"bytes"
	"context"
	"sync"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// Store is an evidence.Store and an evidence.Ledger in memory. The zero value is empty and ready.
type Store struct {
	mu      sync.Mutex
	err     error
	puts    int
	pieces  map[key][]byte
	records map[evidence.Environment][]byte
}

type key struct {
	subject image.Digest
	kind    evidence.Kind
}

var (
	_ evidence.Store  = (*Store)(nil)
	_ evidence.Ledger = (*Store)(nil)
)

// Fail makes every operation fail with err from now on; nil ends that.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Puts is how many pieces were put so far, also where they replaced others.
func (s *Store) Puts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.puts
}

// Forget removes a piece, as a fresh disk has none.
func (s *Store) Forget(subject image.Digest, kind evidence.Kind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pieces, key{subject, kind})
}

// Put implements evidence.Store.
func (s *Store) Put(ctx context.Context, subject image.Digest, kind evidence.Kind, content []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refusal(ctx); err != nil {
		return err
	}
	if s.pieces == nil {
		s.pieces = map[key][]byte{}
	}
	s.pieces[key{subject, kind}] = append([]byte{}, content...)
	s.puts++
	return nil
}

// Room implements evidence.Store.
func (s *Store) Room(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refusal(ctx)
}

// Get implements evidence.Store.
func (s *Store) Get(ctx context.Context, subject image.Digest, kind evidence.Kind) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refusal(ctx); err != nil {
		return nil, err
	}
	content, there := s.pieces[key{subject, kind}]
	if !there {
		return nil, evidence.ErrNotFound
	}
	return bytes.Clone(content), nil
}

// Kinds implements evidence.Store.
func (s *Store) Kinds(ctx context.Context, subject image.Digest) (map[evidence.Kind]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refusal(ctx); err != nil {
		return nil, err
	}
	sizes := map[evidence.Kind]int64{}
	for at, content := range s.pieces {
		if at.subject == subject {
			sizes[at.kind] = int64(len(content))
		}
	}
	return sizes, nil
}

// Write implements evidence.Ledger.
func (s *Store) Write(ctx context.Context, environment evidence.Environment, record []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refusal(ctx); err != nil {
		return err
	}
	if s.records == nil {
		s.records = map[evidence.Environment][]byte{}
	}
	s.records[environment] = append([]byte{}, record...)
	return nil
}

// Read implements evidence.Ledger.
func (s *Store) Read(ctx context.Context, environment evidence.Environment) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refusal(ctx); err != nil {
		return nil, err
	}
	record, there := s.records[environment]
	if !there {
		return nil, evidence.ErrNotFound
	}
	return bytes.Clone(record), nil
}

func (s *Store) refusal(ctx context.Context) error {
	if s.err != nil {
		return s.err
	}
	return ctx.Err()
}
