// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"sync"
	"time"
)

// Row is one line of a script: for which requests, from which on, what goes wrong.
type Row struct {
	On    Matcher
	From  int // the first request that On chooses and the fault meets, counted from 1; 0 is 1
	Times int // how many requests it meets from there; 0 is all that follow
	Fault Fault

	// Each fault says which of these it reads.
	Target     string
	Offset     int64
	Pause      time.Duration
	RetryAfter string
}

// script is the rows with how often each was chosen.
type script struct {
	mu   sync.Mutex
	rows []Row
	hits []int
}

// Script replaces the script; without rows the registry is honest again. Each row counts the requests that its matcher chooses
// from here on, and of the rows that are due the first one answers.
func (r *Registry) Script(rows ...Row) {
	r.script.mu.Lock()
	defer r.script.mu.Unlock()
	r.script.rows, r.script.hits = rows, make([]int, len(rows))
}

// next counts the request and returns the row that answers it, if one is due.
func (s *script) next(req Request) (due Row, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, row := range s.rows {
		if !row.On.Matches(req) {
			continue
		}
		s.hits[i]++
		if !ok && row.isDue(s.hits[i]) {
			due, ok = row, true
		}
	}
	return due, ok
}

func (r Row) isDue(hit int) bool {
	from := max(r.From, 1)
	return hit >= from && (r.Times == 0 || hit < from+r.Times)
}
