// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package workpool runs slow work beside the reconcilers: bounded in number, one piece of work per key however many objects
// want it, and results that come back as events.
package workpool

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

// Pool runs work in a fixed number of workers: what is urgent first, and then in the order in which it was asked for. One worker
// is never busy with the work of a single namespace, nor with what speaks to a single host: a tenant's slow registry holds up
// nobody else. A host that asks to wait is left alone until then.
type Pool struct {
	workers int
	clock   clock.WithDelayedExecution
	notify  func(ctx context.Context, waiter types.NamespacedName)

	mu      sync.Mutex
	wake    *sync.Cond
	queue   queue
	tasks   map[hash]*task
	running map[lane]int
	// held has the accounts whose host asked to wait, and until when.
	held      map[account]time.Time
	lastSweep time.Time
	stopped   bool
}

// hash stands for a subject or a version, of which many are kept.
type hash [sha256.Size]byte

func hashOf(text string) hash { return sha256.Sum256([]byte(text)) }

// New returns a pool. notify is called for every object that waited when its work is done.
func New(workers int, clock clock.WithDelayedExecution, notify func(context.Context, types.NamespacedName)) *Pool {
	p := &Pool{
		workers: workers, clock: clock, notify: notify, queue: queue{lines: map[course][]*task{}}, tasks: map[hash]*task{},
		running: map[lane]int{}, held: map[account]time.Time{}, lastSweep: clock.Now(),
	}
	p.wake = sync.NewCond(&p.mu)
	return p
}

// Failed is the error of work that failed. The pool does such work again no sooner than after RetryIn, which grows with
// every failure in a row and is what the registry asked for at least.
type Failed struct {
	Err     error
	RetryIn time.Duration
}

// Error returns the text of the work's error.
func (f *Failed) Error() string { return f.Err.Error() }

// Unwrap returns the work's error.
func (f *Failed) Unwrap() error { return f.Err }

// ErrPoor is wrapped by the error of work that gave a result all that could be had of it, such as an image of which one platform
// cannot be indexed. It is done again less and less, down to once a day.
var ErrPoor = errors.New("the result is incomplete")

// Key names a piece of work. Equal keys stand for equal work. Of one subject the newest version counts: the pool keeps no
// result of another, and does not begin to make one.
type Key struct {
	Subject, Version string
	// Host that the work speaks to, and as whom.
	Host, Account string
	// Urgent work goes before other work: what nobody knows anything of before what is looked at again.
	Urgent bool
}

// Do returns the result of the work with the key when it was done at most keep ago, or when waiter was told of it and has
// not taken it yet. Otherwise it sees to it that the work is done, notifies waiter afterwards, and returns ok false. The
// error is a *Failed, and value what the work returned beside it.
func Do[T any](p *Pool, key Key, waiter types.NamespacedName, keep time.Duration, work func(context.Context) (T, error)) (value T, ok bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	run := func(ctx context.Context) (any, error) {
		value, err := work(ctx)
		return value, err
	}
	t := p.current(key, run)
	if t != nil && t.isDone() && t.holdsFor(waiter, p.clock.Now(), keep) {
		t.taken(waiter)
		value, _ = t.value.(T)
		return value, true, t.failure(p.clock.Now())
	}
	if t == nil || t.isDone() {
		t = t.again(key, run)
		t.course = course{lanes: [2]lane{{"namespace", waiter.Namespace}, {"host", key.Host}}, account: account{key.Host, key.Account}}
		p.tasks[t.subject] = t
		p.queue.add(t)
		p.wake.Signal()
	}
	if key.Urgent && !t.urgent && !t.begun {
		p.queue.hurry(t)
	}
	t.wantedBy(waiter, keep)
	return value, false, nil
}

// current returns the task for the key: the one that is there when it is of this version or has not begun, in which case it
// becomes of this version, and nil otherwise.
func (p *Pool) current(key Key, run func(context.Context) (any, error)) *task {
	t := p.tasks[hashOf(key.Subject)]
	if t == nil || t.version == hashOf(key.Version) {
		return t
	}
	if t.begun {
		return nil
	}
	t.version, t.run = hashOf(key.Version), run
	return t
}
