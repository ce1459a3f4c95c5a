// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package workpool runs slow work beside the reconcilers: bounded in number, one piece of work per key however many objects
// want it, and results that come back as events.
package workpool

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

// Pool runs work in a fixed number of workers, in the order in which it was asked for. One worker is never busy with the work of
// a single namespace, nor with what speaks to a single host: a tenant's slow registry holds up nobody else.
type Pool struct {
	workers int
	clock   clock.PassiveClock
	notify  func(ctx context.Context, waiter types.NamespacedName)

	mu        sync.Mutex
	wake      *sync.Cond
	queue     []*task
	tasks     map[string]*task
	running   map[lane]int
	lastSweep time.Time
	stopped   bool
}

// New returns a pool. notify is called for every object that waited when its work is done.
func New(workers int, clock clock.PassiveClock, notify func(context.Context, types.NamespacedName)) *Pool {
	p := &Pool{workers: workers, clock: clock, notify: notify, tasks: map[string]*task{}, running: map[lane]int{}, lastSweep: clock.Now()}
	p.wake = sync.NewCond(&p.mu)
	return p
}

// Failed is the error of work that failed. The pool does such work again no sooner than after RetryIn, which grows with
// every failure in a row.
type Failed struct {
	Err     error
	RetryIn time.Duration
}

// Error returns the text of the work's error.
func (f *Failed) Error() string { return f.Err.Error() }

// Unwrap returns the work's error.
func (f *Failed) Unwrap() error { return f.Err }

// Key names a piece of work. Equal keys stand for equal work. Of one subject the newest version counts: the pool keeps no
// result of another, and does not begin to make one.
type Key struct {
	Subject, Version string
	// Host that the work speaks to.
	Host string
}

// Do returns the result of the work with the key when it was done at most keep ago, or when waiter was told of it and has
// not taken it yet. Otherwise it sees to it that the work is done, notifies waiter afterwards, and returns ok false. The
// error is a *Failed.
func Do[T any](p *Pool, key Key, waiter types.NamespacedName, keep time.Duration, work func(context.Context) (T, error)) (value T, ok bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tasks[key.Subject]
	run := func(ctx context.Context) (any, error) { return work(ctx) }
	if t != nil && t.version != key.Version {
		t = t.renewed(key.Version, run)
	}
	if t != nil && t.done && t.holdsFor(waiter, p.clock.Now(), keep) {
		delete(t.waiters, waiter)
		value, _ = t.value.(T)
		return value, true, t.failure(p.clock.Now())
	}
	if t == nil || t.done {
		t = t.again(key.Version, run)
		t.lanes = [2]lane{{"namespace", waiter.Namespace}, {"host", key.Host}}
		p.tasks[key.Subject] = t
		p.queue = append(p.queue, t)
		p.wake.Signal()
	}
	t.waiters[waiter] = struct{}{}
	t.keep = max(t.keep, keep)
	return value, false, nil
}

// Start runs the workers until ctx is done and every piece of work under way has ended. It makes Pool a manager.Runnable.
func (p *Pool) Start(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.stopped = true
		p.wake.Broadcast()
	})
	defer stop()
	var workers sync.WaitGroup
	for range p.workers {
		workers.Go(func() {
			for t := p.next(); t != nil; t = p.next() {
				p.finish(ctx, t)
			}
		})
	}
	workers.Wait()
	return nil
}

// Drain does everything that was asked for, in the caller's goroutine, and returns when nothing is left. It is for callers
// without workers, such as tests that go step by step.
func (p *Pool) Drain(ctx context.Context) {
	for {
		p.mu.Lock()
		t := p.take()
		p.mu.Unlock()
		if t == nil {
			return
		}
		p.finish(ctx, t)
	}
}

func (p *Pool) next() *task {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.stopped {
		if t := p.take(); t != nil {
			return t
		}
		p.wake.Wait()
	}
	return nil
}

// take begins with the first of the queue whose lanes have room, nil when there is none.
func (p *Pool) take() *task {
	i := slices.IndexFunc(p.queue, p.hasRoom)
	if i < 0 {
		return nil
	}
	t := p.queue[i]
	p.queue = slices.Delete(p.queue, i, i+1)
	t.begun = true
	for _, l := range t.lanes {
		p.running[l]++
	}
	return t
}

func (p *Pool) hasRoom(t *task) bool {
	for _, l := range t.lanes {
		if p.running[l] >= max(1, p.workers-1) {
			return false
		}
	}
	return true
}

// leave gives the task's places free.
func (p *Pool) leave(t *task) {
	for _, l := range t.lanes {
		if p.running[l]--; p.running[l] == 0 {
			delete(p.running, l)
		}
	}
	p.wake.Broadcast()
}

func (p *Pool) finish(ctx context.Context, t *task) {
	started := p.clock.Now()
	value, err := guarded(ctx, t.run)
	p.mu.Lock()
	t.end(started, p.clock.Now(), value, err)
	p.leave(t)
	waiters := make([]types.NamespacedName, 0, len(t.waiters))
	for waiter := range t.waiters {
		waiters = append(waiters, waiter)
	}
	p.sweep()
	p.mu.Unlock()
	for _, waiter := range waiters {
		p.notify(ctx, waiter)
	}
}

// guarded turns a panic over hostile input into an error of this piece of work alone.
func guarded(ctx context.Context, run func(context.Context) (any, error)) (value any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error: %v", r)
		}
	}()
	return run(ctx)
}

// sweepInterval is how often results that nobody may use any more are dropped.
const sweepInterval = time.Minute

func (p *Pool) sweep() {
	now := p.clock.Now()
	if now.Sub(p.lastSweep) < sweepInterval {
		return
	}
	p.lastSweep = now
	for subject, t := range p.tasks {
		if t.done && t.useless(now) {
			delete(p.tasks, subject)
		}
	}
}
