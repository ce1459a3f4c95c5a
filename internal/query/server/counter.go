// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/sha256"
	"net/http"
	"sync"
)

const (
	// maxQuestions is how many questions are worked on at a time, maxOfOne how many of them are of one caller.
	maxQuestions = 8
	maxOfOne     = 2
)

// counter bounds the questions that are worked on. It keeps nothing of callers who wait for no answer.
type counter struct {
	mutex sync.Mutex
	all   int
	of    map[[sha256.Size]byte]int
}

func newCounter() *counter { return &counter{of: map[[sha256.Size]byte]int{}} }

// take takes a place, which release gives back, or refuses.
func (c *counter) take(caller [sha256.Size]byte) (release func(), err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch {
	case c.of[caller] >= maxOfOne:
		return nil, &refused{http.StatusTooManyRequests, "you ask too many questions at a time; try again when one is answered"}
	case c.all >= maxQuestions:
		return nil, &refused{http.StatusServiceUnavailable, "too many questions are asked at the moment; try again"}
	}
	c.all++
	c.of[caller]++
	return func() {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		c.all--
		if c.of[caller]--; c.of[caller] == 0 {
			delete(c.of, caller)
		}
	}, nil
}
