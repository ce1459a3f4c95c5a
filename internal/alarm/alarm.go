// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package alarm wakes reconcilers at moments that they name, with one timer for all of them. What time alone changes, such as an
// exception that expires, so changes at its moment and not at the next look.
package alarm

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

// longestSleep bounds one wait, because a timer does not see that the wall clock was set or the machine was suspended.
const longestSleep = time.Minute

// Alarm rings bells at their moments. It is a manager.Runnable and safe for concurrent use.
type Alarm struct {
	clock clock.Clock
	// changed has a token when the first moment may be another.
	changed chan struct{}

	mu      sync.Mutex
	moments moments
	set     map[key]*moment
}

// Bell rings for the objects of one kind.
type Bell struct {
	alarm *Alarm
	ring  func(ctx context.Context, name types.NamespacedName)
}

type key struct {
	bell *Bell
	name types.NamespacedName
}

// New returns an alarm without any moment.
func New(clock clock.Clock) *Alarm {
	return &Alarm{clock: clock, changed: make(chan struct{}, 1), set: map[key]*moment{}}
}

// Bell returns a bell that calls ring for an object at its moment. One goroutine calls it for all objects, one after another.
func (a *Alarm) Bell(ring func(ctx context.Context, name types.NamespacedName)) *Bell {
	return &Bell{alarm: a, ring: ring}
}

// Set makes the bell ring for the object at the given moment, once, instead of at one set before. The zero time takes that
// back. A moment that has passed rings at once.
func (b *Bell) Set(name types.NamespacedName, at time.Time) {
	b.alarm.put(key{b, name}, at, false)
}

// By makes the bell ring for the object at the given moment at the latest: one set before that is earlier stays.
func (b *Bell) By(name types.NamespacedName, at time.Time) {
	b.alarm.put(key{b, name}, at, true)
}

func (a *Alarm) put(k key, at time.Time, onlyEarlier bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m, there := a.set[k]
	if there && onlyEarlier && !at.Before(m.at) {
		return
	}
	switch {
	case at.IsZero() && !there, there && m.at.Equal(at):
		return
	case at.IsZero():
		heap.Remove(&a.moments, m.index)
		delete(a.set, k)
		return
	case there:
		m.at = at
		heap.Fix(&a.moments, m.index)
	default:
		m = &moment{key: k, at: at}
		a.set[k] = m
		heap.Push(&a.moments, m)
	}
	if m.index == 0 {
		select {
		case a.changed <- struct{}{}:
		default:
		}
	}
}

// Start rings until ctx is done.
func (a *Alarm) Start(ctx context.Context) error {
	for ctx.Err() == nil {
		timer := a.clock.NewTimer(a.Ring(ctx))
		select {
		case <-ctx.Done():
		case <-a.changed:
		case <-timer.C():
		}
		timer.Stop()
	}
	return nil
}

// Ring rings for everything whose moment has come and returns how long to sleep then. It is for callers that do not run
// Start, such as tests that go step by step.
func (a *Alarm) Ring(ctx context.Context) time.Duration {
	for {
		due, sleep := a.next()
		if due == nil {
			return sleep
		}
		due.key.bell.ring(ctx, due.key.name)
	}
}

// next takes the first moment away if it has come, and says otherwise how long to sleep.
func (a *Alarm) next() (due *moment, sleep time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.moments) == 0 {
		return nil, longestSleep
	}
	first := a.moments[0]
	if left := first.at.Sub(a.clock.Now()); left > 0 {
		return nil, min(left, longestSleep)
	}
	heap.Pop(&a.moments)
	delete(a.set, first.key)
	return first, 0
}
