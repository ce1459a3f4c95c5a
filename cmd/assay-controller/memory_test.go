// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"testing"
)

func TestMemoryIsReturnedAtRestOnly(t *testing.T) {
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
