// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package reconcile holds what every reconciler of Assay shares: the three ways to fail, conditions on an injected
// clock, and the one write of a status.
package reconcile

import (
	"errors"
	"time"
)

// Stalled says that somebody must change a spec before anything can go on. It is not retried.
type Stalled struct{ Reason, Message string }

// Error returns the message.
func (s *Stalled) Error() string { return s.Message }

// Waiting says that the work goes on when something named has happened, which is looked for again after a while.
type Waiting struct {
	Reason, Message string
	// After is how long to wait at most, zero when an event will come.
	After time.Duration
}

// Error returns the message.
func (w *Waiting) Error() string { return w.Message }

// Failed is an error that is retried with backoff, with the reason that conditions show for it.
type Failed struct {
	Reason, Message string
	// RetryAfter is how long the other side asked to wait, zero when it did not.
	RetryAfter time.Duration
	Cause      error
}

// Error returns the message.
func (f *Failed) Error() string { return f.Message }

// Unwrap returns the cause.
func (f *Failed) Unwrap() error { return f.Cause }

// Describe returns the reason and message that conditions show for err; fallback is the reason of an error without one.
func Describe(err error, fallback string) (reason, message string) {
	var stalled *Stalled
	var waiting *Waiting
	var failed *Failed
	switch {
	case errors.As(err, &stalled):
		return stalled.Reason, stalled.Message
	case errors.As(err, &waiting):
		return waiting.Reason, waiting.Message
	case errors.As(err, &failed):
		return failed.Reason, failed.Message
	}
	return fallback, err.Error()
}
