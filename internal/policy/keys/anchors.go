// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"sync"

	"github.com/assay-dev/assay/internal/signature"
)

// maxAnchors bounds the anchors of which it is remembered whether they are any good.
const maxAnchors = 1024

// anchors remembers what is wrong with anchors, since to parse a trust root takes longer than to judge an image. The zero value is ready
// to use.
type anchors struct {
	mu    sync.Mutex
	known map[string]error
}

// check returns what is wrong with the anchor; nil when nobody looks.
func (a *anchors) check(anchor signature.Anchor, look func(signature.Anchor) error) error {
	if look == nil {
		return nil
	}
	id := anchor.ID()
	a.mu.Lock()
	wrong, there := a.known[id]
	a.mu.Unlock()
	if there {
		return wrong
	}
	wrong = look(anchor)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil || len(a.known) >= maxAnchors {
		a.known = map[string]error{}
	}
	a.known[id] = wrong
	return wrong
}
