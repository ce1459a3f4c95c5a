// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/assay-dev/assay/internal/evidence/disk"
)

const (
	// sweepEvery is how often the evidence store is swept.
	sweepEvery = 24 * time.Hour
	// unusedFor is how long evidence stays that nobody asks for. What an object stands on is asked for at every look.
	unusedFor = 30 * 24 * time.Hour
)

// sweeper keeps the evidence store from growing without end. It is a manager.Runnable.
type sweeper struct {
	store *disk.Store
	clock clock.Clock
}

// Start sweeps until ctx is done, for the first time after a day: what is used was not asked for yet when all begins.
func (s sweeper) Start(ctx context.Context) error {
	log := ctrl.LoggerFrom(ctx).WithName("sweeper")
	for {
		timer := s.clock.NewTimer(sweepEvery)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C():
		}
		swept, err := s.store.Sweep(ctx, s.clock.Now().Add(-unusedFor))
		if err != nil && ctx.Err() == nil {
			log.Error(err, "Could not sweep the evidence store; it is tried again tomorrow")
		}
		if swept.Blobs > 0 {
			log.Info("Removed evidence that nobody has used for a month", "subjects", swept.Subjects, "contents", swept.Blobs, "bytes", swept.Bytes)
		}
	}
}
