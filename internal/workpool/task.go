// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package workpool

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// task is one piece of work. Its fields are guarded by the pool's mutex; run is called without it.
type task struct {
	subject, version hash
	// waiters wait for the result, or were told of it and have not taken it yet.
	waiters map[types.NamespacedName]struct{}
	// order is nil when the work is done: results are kept by the thousands.
	*order
	keep     time.Duration
	begun    bool
	finished time.Time
	// took is how long the work took.
	took  time.Duration
	value any
	err   error
	// failures in a row of the work with this key.
	failures int
}

// order is work to be done, and when its turn is.
type order struct {
	run    func(ctx context.Context) (any, error)
	course course
	urgent bool
	// number tells the order in which work was asked for.
	number uint64
}

const (
	// firstRetry and lastRetry bound how long failed work is left alone, which doubles with every failure in a row.
	firstRetry = 2 * time.Second
	lastRetry  = 5 * time.Minute
	// lastPoor bounds it for work that gave a poor result.
	lastPoor = 24 * time.Hour
	// longestHold bounds how long a host may keep Assay from asking.
	longestHold = time.Hour
	// deliver is how long a result is held for a waiter that was told of it, however long its queue is.
	deliver = 5 * time.Minute
	// rest is how many times as long as it took to make a result is kept at least, so that work which takes longer than its
	// result should be kept is not done without end.
	rest = 4
)

// again returns the same work, to be done once more. t may be nil.
func (t *task) again(key Key, run func(context.Context) (any, error)) *task {
	fresh := &task{
		subject: hashOf(key.Subject), version: hashOf(key.Version),
		order: &order{run: run, urgent: key.Urgent}, waiters: map[types.NamespacedName]struct{}{},
	}
	if t != nil {
		fresh.failures = t.failures
	}
	return fresh
}

// isDone says that there is a result.
func (t *task) isDone() bool { return t.order == nil }

// end takes the result of what was ordered.
func (t *task) end(started, finished time.Time, value any, err error) {
	t.value, t.err = value, err
	t.finished, t.took = finished, finished.Sub(started)
	t.order = nil
	if err == nil {
		t.failures = 0
	} else {
		t.failures++
	}
}

// life is how long the result counts for somebody who wants it to be at most keep old.
func (t *task) life(keep time.Duration) time.Duration {
	if t.err == nil {
		return max(keep, rest*t.took)
	}
	return max(t.retry(keep), rest*t.took, min(retryAfter(t.err), longestHold))
}

// retry is how long failed work is left alone at least.
func (t *task) retry(keep time.Duration) time.Duration {
	limit := min(lastRetry, keep)
	if errors.Is(t.err, ErrPoor) {
		limit = lastPoor
	}
	if doubled := t.failures - 1; doubled < 16 {
		return min(limit, firstRetry<<doubled)
	}
	return limit
}

// holdsFor says that the result is one for the waiter.
func (t *task) holdsFor(waiter types.NamespacedName, now time.Time, keep time.Duration) bool {
	_, told := t.waiters[waiter]
	age := now.Sub(t.finished)
	return age < t.life(keep) || told && age < deliver
}

// taken notes that the waiter has the result.
func (t *task) taken(waiter types.NamespacedName) {
	delete(t.waiters, waiter)
	if len(t.waiters) == 0 {
		t.waiters = nil // An emptied map keeps its room, and thousands of results are kept.
	}
}

// wantedBy notes that somebody waits for the result.
func (t *task) wantedBy(waiter types.NamespacedName, keep time.Duration) {
	t.waiters[waiter] = struct{}{}
	t.keep = max(t.keep, keep)
}

// useless says that nobody will take the result. What failed stays a while longer, so that failures in a row are counted.
func (t *task) useless(now time.Time) bool {
	age := now.Sub(t.finished)
	return age >= 2*max(t.life(t.keep), t.keep) && (len(t.waiters) == 0 || age >= deliver)
}

// failure is the work's error with the time that is left before it is done again.
func (t *task) failure(now time.Time) error {
	if t.err == nil {
		return nil
	}
	return &Failed{Err: t.err, RetryIn: max(0, t.life(t.keep)-now.Sub(t.finished))}
}
