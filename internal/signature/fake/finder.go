// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fake

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
)

// Finder answers from what was set. Where nothing was set, nothing is signed. The zero value is ready.
type Finder struct {
	mu        sync.Mutex
	answers   map[looked]evidence.Statements
	strangers map[image.Digest]map[string]int
	calls     []signature.Search
}

// looked is an image under one anchor.
type looked struct {
	digest image.Digest
	anchor string
}

var _ signature.Finder = (*Finder)(nil)

// Set says what Find answers about the digest and the anchor.
func (f *Finder) Set(digest image.Digest, anchor signature.Anchor, answer evidence.Statements) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answers == nil {
		f.answers = map[looked]evidence.Statements{}
	}
	f.answers[looked{digest, anchor.ID()}] = answer
}

// Sign adds a statement to what Find answers about the digest and the anchor, with everything looked at.
func (f *Finder) Sign(digest image.Digest, anchor signature.Anchor, signed evidence.Signed) {
	f.mu.Lock()
	before := f.answers[looked{digest, anchor.ID()}]
	f.mu.Unlock()
	f.Set(digest, anchor, evidence.Statements{Signed: append(slices.Clone(before.Signed), signed), Rest: evidence.Checked("")})
}

// SetStrangers says how many statements over the digest, by predicate type, count for nobody.
func (f *Finder) SetStrangers(digest image.Digest, strangers map[string]int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.strangers == nil {
		f.strangers = map[image.Digest]map[string]int{}
	}
	f.strangers[digest] = maps.Clone(strangers)
}

// Calls returns the searches so far.
func (f *Finder) Calls() []signature.Search {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Find implements signature.Finder. Of what was set it answers with signatures, and with attestations of the wanted types.
func (f *Finder) Find(_ context.Context, _ registry.Reader, search signature.Search) signature.Found {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, search)
	found := signature.Found{Statements: map[string]evidence.Statements{}, Strangers: map[string]int{}}
	maps.Copy(found.Strangers, f.strangers[search.Reference.Digest])
	for _, anchor := range search.Anchors {
		answer, set := f.answers[looked{search.Reference.Digest, anchor.ID()}]
		if !set {
			answer.Rest = evidence.Checked("")
		}
		answer.Signed = slices.DeleteFunc(slices.Clone(answer.Signed), func(s evidence.Signed) bool {
			return s.PredicateType != evidence.SignaturePredicate && !slices.Contains(search.PredicateTypes, s.PredicateType)
		})
		found.Statements[anchor.ID()] = answer
	}
	return found
}
