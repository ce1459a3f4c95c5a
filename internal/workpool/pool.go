// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package workpool runs slow work beside the reconcilers: bounded in number, one piece of work per key however many objects
// want it, and results that come back as events.
package workpool

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

// Pool runs work in a fixed number of workers, in the order in which it was asked for.
type Pool struct {
	workers int
	clock   clock.PassiveClock
	notify  func(ctx context.Context, waiter types.NamespacedName)

	mu        sync.Mutex
	wake      *sync.Cond
	queue     []*task
	tasks     map[string]*task
	lastSweep time.Time
	stopped   bool
}

// task is one piece of work. Its fields are guarded by the pool's mutex; run is called without it.
type task struct {
	key      string
	run      func(ctx context.Context) (any, error)
	waiters  map[types.NamespacedName]struct{}
	keep     time.Duration
	done     bool
	finished time.Time
	value    any
	err      error
}

// sweepInterval is how often results that nobody may use any more are dropped.
const sweepInterval = time.Minute

// New returns a pool. notify is called for every object that waited when its work is done.
func New(workers int, clock clock.PassiveClock, notify func(context.Context, types.NamespacedName)) *Pool {
	p := &Pool{workers: workers, clock: clock, notify: notify, tasks: map[string]*task{}, lastSweep: clock.Now()}
	p.wake = sync.NewCond(&p.mu)
	return p
}

// Do returns the result of the work with the key when it was done at most keep ago. Otherwise it sees to it that the work is
// done, notifies waiter afterwards, and returns ok false. Equal keys must stand for equal work.
func Do[T any](p *Pool, key string, waiter types.NamespacedName, keep time.Duration, work func(context.Context) (T, error)) (value T, ok bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, found := p.tasks[key]
	if found && t.done && p.clock.Since(t.finished) < keep {
		value, _ = t.value.(T)
		return value, true, t.err
	}
	if !found || t.done {
		t = &task{
			key:     key,
			run:     func(ctx context.Context) (any, error) { return work(ctx) },
			waiters: map[types.NamespacedName]struct{}{},
			keep:    keep,
		}
		p.tasks[key] = t
		p.queue = append(p.queue, t)
		p.wake.Signal()
	}
	t.waiters[waiter] = struct{}{}
	t.keep = max(t.keep, keep)
	return value, false, nil
}

// Forget drops the result of the work with the key, so that the next Do does it anew. Work under way goes on.
func (p *Pool) Forget(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t, found := p.tasks[key]; found && t.done {
		delete(p.tasks, key)
	}
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
		if len(p.queue) == 0 {
			p.mu.Unlock()
			return
		}
		t := p.queue[0]
		p.queue = p.queue[1:]
		p.mu.Unlock()
		p.finish(ctx, t)
	}
}

func (p *Pool) next() *task {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) == 0 && !p.stopped {
		p.wake.Wait()
	}
	if p.stopped {
		return nil
	}
	t := p.queue[0]
	p.queue = p.queue[1:]
	return t
}

func (p *Pool) finish(ctx context.Context, t *task) {
	value, err := guarded(ctx, t.run)
	p.mu.Lock()
	t.value, t.err, t.done, t.finished = value, err, true, p.clock.Now()
	t.run = nil
	waiters := t.waiters
	t.waiters = nil
	p.sweep()
	p.mu.Unlock()
	for waiter := range waiters {
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

func (p *Pool) sweep() {
	if p.clock.Since(p.lastSweep) < sweepInterval {
		return
	}
	p.lastSweep = p.clock.Now()
	for key, t := range p.tasks {
		if t.done && p.clock.Since(t.finished) >= t.keep {
			delete(p.tasks, key)
		}
	}
}
