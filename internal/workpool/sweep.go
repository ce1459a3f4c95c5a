// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package workpool

import (
	"slices"
	"time"
)

// Bounds of what is kept.
const (
	// sweepInterval is how often results that nobody may use any more are dropped.
	sweepInterval = time.Minute
	// maxResults is how many results are kept. Of more the oldest are dropped, and made again when somebody wants them.
	maxResults = 1 << 16
)

func (p *Pool) sweep() {
	now := p.clock.Now()
	if now.Sub(p.lastSweep) < sweepInterval && len(p.tasks) <= maxResults {
		return
	}
	p.lastSweep = now
	var kept []*task
	for subject, t := range p.tasks {
		switch {
		case !t.isDone():
		case t.useless(now):
			delete(p.tasks, subject)
		default:
			kept = append(kept, t)
		}
	}
	// A few more than need be, so that not every result has the others looked through.
	if tooMany := len(kept) - maxResults*7/8; len(kept) > maxResults {
		slices.SortFunc(kept, func(a, b *task) int { return a.finished.Compare(b.finished) })
		for _, t := range kept[:tooMany] {
			delete(p.tasks, t.subject)
		}
	}
}
