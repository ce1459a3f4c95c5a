// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import "sync"

// spares holds a child that waits for an image: to start one takes a good part of the time that an image takes. It has seen
// nothing of any image, and serves one.
type spares struct {
	start func() (*child, error)

	mu     sync.Mutex
	spare  chan *child // gives the spare once it has started, or nil; nil while there is none
	closed bool
	busy   sync.WaitGroup // what starts and what ends
}

// take returns the spare, or else a new child.
func (s *spares) take() (*child, error) {
	s.mu.Lock()
	spare := s.spare
	s.spare = nil
	s.mu.Unlock()
	if spare != nil {
		if c := <-spare; c != nil && !c.isGone() {
			return c, nil
		}
	}
	return s.start()
}

// refill starts a spare if there is none. That it cannot be started shows when somebody needs a child.
func (s *spares) refill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.spare != nil {
		return
	}
	spare := make(chan *child, 1)
	s.spare = spare
	s.busy.Go(func() {
		c, _ := s.start()
		spare <- c
	})
}

// release ends a child and does not wait for that.
func (s *spares) release(c *child) {
	c.end()
	s.busy.Go(func() { <-c.gone })
}

// close ends the spare, and waits until all children are gone.
func (s *spares) close() {
	s.mu.Lock()
	spare := s.spare
	s.spare, s.closed = nil, true
	s.mu.Unlock()
	if spare != nil {
		if c := <-spare; c != nil {
			s.release(c)
		}
	}
	s.busy.Wait()
}
