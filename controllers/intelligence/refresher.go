// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package intelligence keeps what is known of vulnerabilities fresh: the database that findings come from and the
// catalogue of those that are exploited.
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
)

// FileInterval is how often a feed that comes from a local file is refreshed, so that a change is noticed within seconds. A
// look at an unchanged file costs a call of stat.
const FileInterval = 2 * time.Second

// firstRetry is the wait after a first failure. It doubles with each further one, up to the feed's own interval.
const firstRetry = 30 * time.Second

// Feed is a source of intelligence that keeps its last good content, whatever fails.
type Feed interface {
	// Load takes up the content that is kept from before, without the network. That there is none is no error.
	Load(ctx context.Context) error
	// Refresh asks the source and says whether the content changed. Asking an unchanged source is cheap.
	Refresh(ctx context.Context) (changed bool, err error)
	// Version of the content in use, "" while there is none.
	Version() string
	// UpdatedAt is when the content in use was published, and the zero time while there is none.
	UpdatedAt() time.Time
}

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
	onChange func(ctx context.Context)
	feeds    []*scheduled
	loading  sync.Once

	changing sync.Mutex // held while onChange is called
}

// scheduled is a feed with how its last refreshes went, which its own goroutine alone knows.
type scheduled struct {
	Schedule
	failures int    // in a row
	reported string // the failure that was logged last
	metrics  metrics
}

// New returns a Refresher. It calls onChange, for one feed after another, when the content of a feed changed.
func New(clock clock.Clock, onChange func(ctx context.Context), schedules ...Schedule) *Refresher {
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
		for _, feed := range r.feeds {
			log := logger(ctx, feed)
			if err := feed.Feed.Load(ctx); err != nil {
				log.Error(err, "Could not load what was kept from before; it will be fetched anew")
			}
			if version := feed.Feed.Version(); version != "" {
				loaded = true
				log.Info("Loaded", "version", version, "updatedAt", feed.Feed.UpdatedAt())
			}
		}
	})
	return loaded
}

// Start refreshes the feeds until ctx is done.
func (r *Refresher) Start(ctx context.Context) error {
	if r.load(ctx) {
		r.changed(ctx)
	}
	var running sync.WaitGroup
	for _, feed := range r.feeds {
		running.Go(func() { r.keepFresh(ctx, feed) })
	}
	running.Wait()
	return nil
}

func (r *Refresher) keepFresh(ctx context.Context, feed *scheduled) {
	for ctx.Err() == nil {
		timer := r.clock.NewTimer(r.refresh(ctx, feed))
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C():
		}
	}
}

// refresh refreshes a feed once and returns how long to wait until the next time.
func (r *Refresher) refresh(ctx context.Context, feed *scheduled) time.Duration {
	log := logger(ctx, feed)
	changed, err := feed.Feed.Refresh(ctx)
	if ctx.Err() != nil {
		return 0 // what failed now failed because all ends
	}
	if err != nil {
		feed.metrics.failures.Inc()
		feed.failures++
		if feed.reported != err.Error() {
			feed.reported = err.Error()
			log.Error(err, "Could not refresh; what was loaded before stays in use", "version", feed.Feed.Version())
		}
		return feed.retryAfter(err)
	}
	if feed.reported != "" {
		log.Info("Refreshes again", "version", feed.Feed.Version())
	}
	feed.failures, feed.reported = 0, ""
	if changed {
		log.Info("Changed", "version", feed.Feed.Version(), "updatedAt", feed.Feed.UpdatedAt())
		r.changed(ctx)
	}
	return feed.Every
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

func (r *Refresher) changed(ctx context.Context) {
	r.changing.Lock()
	defer r.changing.Unlock()
	r.onChange(ctx)
}

func logger(ctx context.Context, feed *scheduled) logr.Logger {
	return ctrl.LoggerFrom(ctx).WithName("intelligence").WithValues("feed", feed.Name)
}
