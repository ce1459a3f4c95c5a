// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"k8s.io/utils/clock"

	"github.com/assay-dev/assay/internal/resident"
)

const (
	// restPeriod is over what time it is judged whether there is little to do.
	restPeriod = 10 * time.Second
	// restAllocates is what the program allocates at most in that time at rest, in bytes.
	restAllocates = 8 << 20
	// worthReturning is how much unused memory is worth the collection that returning it takes, in bytes.
	worthReturning = 24 << 20
)

// memoryReturner gives memory back to the system that nobody needs at rest: once what was needed to start, and later what the runtime
// keeps because what is in use may grow by so much until the next collection. After ten thousand images were judged, that is a third
// of all memory, and stays unused for as long as nothing changes. It is a manager.Runnable.
type memoryReturner struct {
	clock clock.WithTicker
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: who waits to lead has caches as well.
func (r memoryReturner) NeedLeaderElection() bool { return false }

// Start returns memory, now and then, until ctx is done.
func (r memoryReturner) Start(ctx context.Context) error {
	tick := r.clock.NewTicker(restPeriod)
	defer tick.Stop()
	before := readHeap()
	for first := true; ; first = false {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C():
		}
		if first {
			resident.ForgetStart()
		}
		before, _ = returnUnused(before)
	}
}

// returnUnused returns memory if little was allocated since before and there is enough to return.
func returnUnused(before heap) (now heap, returned bool) {
	now = readHeap()
	if now.allocated-before.allocated >= restAllocates || now.unused() < worthReturning {
		return now, false
	}
	debug.FreeOSMemory()
	return readHeap(), true
}

// heap is the state of the heap, in bytes.
type heap struct {
	// allocated since the program began, and live after the last collection.
	allocated, live uint64
	// resident is what the system has given for objects and was not given back.
	resident uint64
}

// unused is at most what there is to give back.
func (h heap) unused() uint64 { return h.resident - min(h.live, h.resident) }

func readHeap() heap {
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(samples)
	return heap{
		allocated: samples[0].Value.Uint64(), live: samples[1].Value.Uint64(),
		resident: samples[2].Value.Uint64() + samples[3].Value.Uint64(),
	}
}
