// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"runtime/debug"
	"testing"
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
