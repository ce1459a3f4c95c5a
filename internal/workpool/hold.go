// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package workpool

import (
	"errors"
	"time"

	"github.com/assay-dev/assay/internal/registry"
)

// hold leaves the account's host alone for as long as it asked.
func (p *Pool) hold(a account, wait time.Duration) {
	if wait <= 0 {
		return
	}
	wait = min(wait, longestHold)
	until := p.clock.Now().Add(wait)
	if !until.After(p.held[a]) {
		return
	}
	p.held[a] = until
	p.clock.AfterFunc(wait, func() { go p.release(a, until) }) // A clock may have its lock while it calls.
}

func (p *Pool) release(a account, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held[a].Equal(until) {
		delete(p.held, a)
	}
	p.wake.Broadcast()
}

// retryAfter is how long a registry asked to wait, zero when it did not.
func retryAfter(err error) time.Duration {
	var refused *registry.Error
	if errors.As(err, &refused) {
		return refused.RetryAfter
	}
	return 0
}
