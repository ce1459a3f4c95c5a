// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package intelligence keeps what is known of vulnerabilities fresh: the database that findings come from, the catalogue of
// those that are exploited, and how likely the others are to be.
package intelligence

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/vulnerability/feed"
)

// FileInterval is how often a feed that comes from a local file is refreshed, so that a change is noticed within seconds. A
// look at an unchanged file costs a call of stat.
const FileInterval = 2 * time.Second

// ConfigMapInterval is how often a feed that comes from a ConfigMap is refreshed. A look reads the whole ConfigMap, and 60 of
// them an hour are few among the requests that a controller at rest may send.
const ConfigMapInterval = time.Minute

// URLInterval is how often a feed that comes over the network is asked whether anything is new.
const URLInterval = time.Hour

// firstRetry is the wait after a first failure. It doubles with each further one, up to the feed's own interval.
const firstRetry = 30 * time.Second

// Feed is a source of intelligence that keeps its last good content, whatever fails.
type Feed interface {
	// Load takes up the content that is kept from before, without the network. That there is none is no error.
	Load(ctx context.Context) error
	// Refresh asks the source and says which answers are others now. Asking an unchanged source is cheap.
	Refresh(ctx context.Context) (feed.Change, error)
	// Status is what the feed holds, and why it holds nothing newer.
	Status() feed.Status
}

// OnChange is told of a feed by its name, when answers of it are others than before, or when its Status is; then the change is
// none.
type OnChange func(ctx context.Context, name string, change feed.Change)

// Schedule says how often a feed is refreshed.
type Schedule struct {
	// Name of the feed in logs and metrics.
	Name  string
	Feed  Feed
	Every time.Duration
}

var (
	_ manager.Runnable               = (*Refresher)(nil)
	_ manager.LeaderElectionRunnable = (*Refresher)(nil)
)

// Refresher refreshes feeds, each at its own pace.
type Refresher struct {
	clock    clock.Clock
	onChange OnChange
	feeds    []*scheduled
	loading  sync.Once

	changing sync.Mutex // held while onChange is called
}

// scheduled is a feed with how its last refreshes went, which its own goroutine alone knows.
type scheduled struct {
	Schedule
	failures int // in a row
	metrics  metrics
}

// New returns a Refresher. It calls onChange for one feed after another.
func New(clock clock.Clock, onChange OnChange, schedules ...Schedule) *Refresher {
	r := &Refresher{clock: clock, onChange: onChange}
	for _, schedule := range schedules {
		r.feeds = append(r.feeds, &scheduled{Schedule: schedule, metrics: newMetrics(schedule)})
	}
	return r
}

// NeedLeaderElection is false, so that the intelligence is there before the reconcilers ask for it.
func (r *Refresher) NeedLeaderElection() bool { return false }

// Load takes up what the feeds kept from before. Who calls it before the manager starts spares the first reconciles from
// finding nothing; Start does it otherwise.
func (r *Refresher) Load(ctx context.Context) { r.load(ctx) }

// load says whether this call loaded anything.
func (r *Refresher) load(ctx context.Context) (loaded bool) {
	r.loading.Do(func() {
		loaded = true
		for _, s := range r.feeds {
			log := logger(ctx, s)
			if err := s.Feed.Load(ctx); err != nil {
				log.Error(err, "Could not load what was kept from before; it will be fetched anew")
			}
			if status := s.Feed.Status(); status.Version != "" {
				log.Info("Loaded", "version", status.Version, "updatedAt", status.UpdatedAt)
			}
		}
	})
	return loaded
}

// Start refreshes the feeds until ctx is done.
func (r *Refresher) Start(ctx context.Context) error {
	if r.load(ctx) {
		r.tellLoaded(ctx)
	}
	var running sync.WaitGroup
	for _, s := range r.feeds {
		running.Go(func() { r.keepFresh(ctx, s) })
	}
	running.Wait()
	return nil
}

func (r *Refresher) tellLoaded(ctx context.Context) {
	for _, s := range r.feeds {
		switch status := s.Feed.Status(); {
		case status.Version != "":
			r.tell(ctx, s, feed.Everything())
		case status.Message != "":
			r.tell(ctx, s, feed.Change{})
		}
	}
}

func (r *Refresher) keepFresh(ctx context.Context, s *scheduled) {
	for ctx.Err() == nil {
		timer := r.clock.NewTimer(r.refresh(ctx, s))
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C():
		}
	}
}

// refresh refreshes a feed once and returns how long to wait until the next time.
func (r *Refresher) refresh(ctx context.Context, s *scheduled) time.Duration {
	log, before := logger(ctx, s), s.Feed.Status()
	change, err := s.Feed.Refresh(ctx)
	if ctx.Err() != nil {
		return 0 // what failed now failed because all ends
	}
	wait := s.Every
	now := s.Feed.Status()
	switch {
	case err != nil:
		s.metrics.failures.Inc()
		s.failures++
		wait = s.retryAfter(err)
		if now.Message != before.Message {
			logFailure(log, err, now)
		}
	case change.Any():
		log.Info("Changed", "version", now.Version, "updatedAt", now.UpdatedAt, "vulnerabilities", change.Len(), "all", change.All())
	case now != before:
		log.Info("Refreshed", "version", now.Version, "updatedAt", now.UpdatedAt)
	}
	if err == nil {
		s.failures = 0
	}
	if change.Any() || now != before {
		r.tell(ctx, s, change)
	}
	return wait
}

// logFailure says what is in use after a refresh that failed.
func logFailure(log logr.Logger, err error, now feed.Status) {
	if now.Version == "" {
		log.Error(err, "Could not refresh, and nothing was loaded before; it is tried again")
		return
	}
	log.Error(err, "Could not refresh; what was loaded before stays in use", "version", now.Version)
}

// retryAfter backs off, and waits as long as a registry asks for, but no longer than without a failure.
func (s *scheduled) retryAfter(err error) time.Duration {
	wait := firstRetry
	for range s.failures - 1 {
		if wait *= 2; wait >= s.Every {
			break
		}
	}
	var refused *registry.Error
	if errors.As(err, &refused) {
		wait = max(wait, refused.RetryAfter)
	}
	return min(wait, s.Every)
}

func (r *Refresher) tell(ctx context.Context, s *scheduled, change feed.Change) {
	r.changing.Lock()
	defer r.changing.Unlock()
	r.onChange(ctx, s.Name, change)
}

func logger(ctx context.Context, s *scheduled) logr.Logger {
	return ctrl.LoggerFrom(ctx).WithName("intelligence").WithValues("feed", s.Name)
}
