// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"
)

func TestMemoryIsReturnedAtRestOnly(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // A collection of its own would count what is held as in use.
	const garbage = 4 * worthReturning
	runtime.GC()
	busy := readHeap()
	held := make([]byte, garbage)
	held[len(held)-1] = 1
	rest := readHeap()
	runtime.KeepAlive(held)

	if _, returned := returnUnused(busy); returned {
		t.Error("memory was returned while much was allocated")
	}
	now, returned := returnUnused(rest)
	if !returned || now.unused() >= worthReturning {
		t.Errorf("at rest, memory was returned: %v, and %d bytes are left unused", returned, now.unused())
	}
	if _, again := returnUnused(now); again {
		t.Error("memory was returned again, and there was none")
	}
}

// TestMemoryIsReturnedOnceThereIsRest lets the time go by in which the program does nothing.
func TestMemoryIsReturnedOnceThereIsRest(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // What is returned is returned by nobody else.
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- memoryReturner{clock: clock.RealClock{}}.Start(ctx) }()
		synctest.Wait()
		held := make([]byte, 4*worthReturning)
		held[len(held)-1] = 1
		runtime.KeepAlive(held)
		time.Sleep(2*restPeriod + time.Second) //nolint:forbidigo // In the bubble this takes no time.
		synctest.Wait()
		if left := readHeap().unused(); left >= worthReturning {
			t.Errorf("%d bytes are left unused", left)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
