// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// calm is how long no image must have been indexed until spares are started for the next one: what it takes is better spent on
// the images that are under way, and on the verdict on the last one.
const calm = time.Second

// spares holds children that wait for an image: to start them takes a good part of the time, and most of the memory, that an
// image takes. They have seen nothing of any image, and each serves one.
type spares struct {
	start func() (*child, error)
	clock clock.WithDelayedExecution

	mu sync.Mutex
	// later refills when there has been calm; nil before the first image.
	later clock.Timer
	// waiting has for each spare a channel that gives it once it has started, or nil if it could not be started.
	waiting []chan *child
	closed  bool
	busy    sync.WaitGroup // what starts and what ends
}

// take returns a spare, or else a new child.
func (s *spares) take() (*child, error) {
	s.mu.Lock()
	var spare chan *child
	if len(s.waiting) > 0 {
		spare, s.waiting = s.waiting[0], s.waiting[1:]
	}
	s.mu.Unlock()
	if spare != nil {
		if c := <-spare; c != nil && !c.isGone() {
			return c, nil
		}
	}
	return s.start()
}

// refillLater refills when there has been calm from now on.
func (s *spares) refillLater() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
	case s.later == nil:
		s.later = s.clock.AfterFunc(calm, s.refill)
	default:
		s.later.Reset(calm)
	}
}

// refill starts spares until there are as many as an image can use. That one cannot be started shows when somebody needs a child.
func (s *spares) refill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closed && len(s.waiting) < atOnce() {
		spare := make(chan *child, 1)
		s.waiting = append(s.waiting, spare)
		s.busy.Go(func() {
			c, _ := s.start()
			spare <- c
		})
	}
}

// release ends a child and does not wait for that.
func (s *spares) release(c *child) {
	c.end()
	s.busy.Go(func() { <-c.gone })
}

// close ends the spares, and waits until all children are gone.
func (s *spares) close() {
	s.mu.Lock()
	waiting := s.waiting
	s.waiting, s.closed = nil, true
	if s.later != nil {
		s.later.Stop()
	}
	s.mu.Unlock()
	for _, spare := range waiting {
		if c := <-spare; c != nil {
			s.release(c)
		}
	}
	s.busy.Wait()
}
