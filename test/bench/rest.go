// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"
)

// The memory that Assay's programs may take at rest with the objects of the story, in MiB.
const (
	webhookLimit    = 30 // resident
	controllerLimit = 60 // anonymous: what is mapped from files, such as the vulnerability database, can be dropped
)

// A process is at rest when its memory has not changed by more than a hundredth for settled, which is waited for at most until
// patience is at its end.
const (
	settled  = 30 * time.Second
	patience = 2 * time.Minute
)

func atRest(ctx context.Context, _ *bench) ([]result, error) {
	webhook, err := memoryAtRest(ctx, "assay-webhook", "VmRSS")
	if err != nil {
		return nil, err
	}
	controller, err := memoryAtRest(ctx, "assay-controller", "RssAnon")
	if err != nil {
		return nil, err
	}
	return []result{
		compare("assay-webhook at rest, resident memory, of the limit", "MiB", webhook, webhookLimit, 1),
		compare("assay-controller at rest, anonymous memory, of the limit", "MiB", controller, controllerLimit, 1),
	}, nil
}

// memoryAtRest is a field of the program's proc_pid_status(5) in MiB.
func memoryAtRest(ctx context.Context, program, field string) (float64, error) {
	pid, err := child(program)
	if err != nil {
		return 0, err
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var last int64
	for since := time.Now(); ; {
		now, err := memory(pid, "status", field)
		if err != nil {
			return 0, err
		}
		if change := now - last; max(change, -change) > last/100 {
			last, since = now, time.Now()
		}
		if waiting.Err() != nil || time.Since(since) >= settled {
			return float64(now) / mebibyte, ctx.Err()
		}
		select {
		case <-tick.C:
		case <-waiting.Done():
		}
	}
}
