// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package workpool

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

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

// take begins with the first work whose lanes have room and whose host may be asked, nil when there is none.
func (p *Pool) take() *task {
	now := p.clock.Now()
	t := p.queue.take(func(c course) bool { return p.hasRoom(c) && !now.Before(p.held[c.account]) })
	if t == nil {
		return nil
	}
	t.begun = true
	for _, l := range t.course.lanes {
		p.running[l]++
	}
	return t
}

func (p *Pool) hasRoom(c course) bool {
	for _, l := range c.lanes {
		if p.running[l] >= max(1, p.workers-1) {
			return false
		}
	}
	return true
}

// leave gives the places free that work took.
func (p *Pool) leave(c course) {
	for _, l := range c.lanes {
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
	p.hold(t.course.account, retryAfter(err))
	p.leave(t.course)
	t.end(started, p.clock.Now(), value, err)
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
