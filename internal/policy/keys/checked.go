// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keys

import "sync"

// maxChecked bounds the anchors and layouts of which it is remembered whether they are any good.
const maxChecked = 1024

// identified is something that can be named by its content.
type identified interface{ ID() string }

// checked remembers what is wrong with anchors or layouts, since to parse a trust root takes longer than to judge an image. The zero
// value is ready to use.
type checked[T identified] struct {
	mu    sync.Mutex
	known map[string]error
}

// check returns what is wrong with it; nil when nobody looks.
func (c *checked[T]) check(one T, look func(T) error) error {
	if look == nil {
		return nil
	}
	id := one.ID()
	c.mu.Lock()
	wrong, there := c.known[id]
	c.mu.Unlock()
	if there {
		return wrong
	}
	wrong = look(one)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxChecked {
		c.known = map[string]error{}
	}
	c.known[id] = wrong
	return wrong
}
