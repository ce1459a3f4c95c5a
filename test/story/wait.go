// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// lookEvery is how often a condition is looked at.
	lookEvery = 100 * time.Millisecond
	// tellEvery is how often it is said what is waited for.
	tellEvery = 5 * time.Second
)

// errTooLate says that something did not come in time.
var errTooLate = errors.New("it took too long")

// Await waits until missing returns "", which is what the wait is still for. It says so now and then. It ends with an error
// when missing returns one, when one of Assay's programs ends, and when the time is over.
func (w *World) Await(ctx context.Context, timeout time.Duration, what string, missing func(context.Context) (string, error)) error {
	waiting, cancel := context.WithTimeoutCause(ctx, timeout, errTooLate)
	defer cancel()
	look, tell := time.NewTicker(lookEvery), time.NewTicker(tellEvery)
	defer look.Stop()
	defer tell.Stop()
	lacks := "nothing is known yet"
	for {
		now, err := missing(waiting)
		if err == nil && now == "" {
			return nil
		}
		if waiting.Err() != nil {
			return fmt.Errorf("wait for %s: %w: %s; see the logs in %s", what, context.Cause(waiting), lacks, w.Logs())
		}
		lacks = now
		if err = errors.Join(err, w.alive()); err != nil {
			return fmt.Errorf("wait for %s: %w", what, err)
		}
		select {
		case <-tell.C:
			w.say(fmt.Sprintf("    waiting for %s: %s", what, lacks))
		case <-look.C:
		case <-waiting.Done():
		}
	}
}
