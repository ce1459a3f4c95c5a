// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package workpool

import (
	"cmp"
	"slices"
)

// lane is what work has in common with other work that may not take every worker.
type lane struct{ kind, name string }

// course is all that decides whether a piece of work may begin: its lanes, and who speaks to the host.
type course struct {
	lanes   [2]lane
	account account
}

// account is with whom a registry counts requests.
type account struct{ host, name string }

// queue holds the work that nobody does yet, in a line for each course. Of a course the urgent work comes first, and then the
// order in which it was asked for.
type queue struct {
	lines map[course][]*task
	last  uint64
	taken uint64
}

// patience is how many pieces of urgent work in a row make other work wait.
const patience = 4

func (q *queue) add(t *task) {
	q.last++
	t.number = q.last
	q.insert(t)
}

func (q *queue) insert(t *task) {
	line := q.lines[t.course]
	at, _ := slices.BinarySearchFunc(line, t, before)
	q.lines[t.course] = slices.Insert(line, at, t)
}

// hurry makes work urgent that waits in the queue.
func (q *queue) hurry(t *task) {
	q.remove(t)
	t.urgent = true
	q.insert(t)
}

// take removes and returns the first work of those courses that may begin, nil when there is none. It is urgent work if there is
// any, but now and then what waits longest.
func (q *queue) take(may func(course) bool) *task {
	var first, oldest *task
	for c, line := range q.lines {
		if !may(c) {
			continue
		}
		if first == nil || before(line[0], first) < 0 {
			first = line[0]
		}
		if ordinary := firstOrdinary(line); ordinary != nil && (oldest == nil || ordinary.number < oldest.number) {
			oldest = ordinary
		}
	}
	if first == nil {
		return nil
	}
	if q.taken++; q.taken%patience == 0 && oldest != nil {
		first = oldest
	}
	q.remove(first)
	return first
}

func (q *queue) remove(t *task) {
	line := q.lines[t.course]
	at, found := slices.BinarySearchFunc(line, t, before)
	if !found {
		return
	}
	if line = slices.Delete(line, at, at+1); len(line) == 0 {
		delete(q.lines, t.course)
		return
	}
	q.lines[t.course] = line
}

// before orders the work of one line.
func before(a, b *task) int {
	if a.urgent != b.urgent {
		if a.urgent {
			return -1
		}
		return 1
	}
	return cmp.Compare(a.number, b.number)
}

func firstOrdinary(line []*task) *task {
	at, _ := slices.BinarySearchFunc(line, false, func(t *task, _ bool) int {
		if t.urgent {
			return -1
		}
		return 1
	})
	if at == len(line) {
		return nil
	}
	return line[at]
}
