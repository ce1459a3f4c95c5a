// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package alarm

import "time"

// moment is when a bell rings for an object.
type moment struct {
	key   key
	at    time.Time
	index int // in moments
}

// moments is a heap with the earliest first. It implements heap.Interface.
type moments []*moment

func (m moments) Len() int           { return len(m) }
func (m moments) Less(i, j int) bool { return m[i].at.Before(m[j].at) }

func (m moments) Swap(i, j int) {
	m[i], m[j] = m[j], m[i]
	m[i].index, m[j].index = i, j
}

// Push implements heap.Interface.
func (m *moments) Push(x any) {
	added, _ := x.(*moment)
	added.index = len(*m)
	*m = append(*m, added)
}

// Pop implements heap.Interface.
func (m *moments) Pop() any {
	last := len(*m) - 1
	removed := (*m)[last]
	(*m)[last] = nil
	*m = (*m)[:last]
	return removed
}
