// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package confine

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assay-dev/assay/internal/inventory/wire"
)

// setLimits sets soft and hard limits alike: at a hard limit of processor time the kernel kills, while Go ignores the
// signal of a soft one.
func setLimits(limits wire.Limits) error {
	size, err := addressSpace()
	if err != nil {
		return fmt.Errorf("limit the memory: %w", err)
	}
	for _, limit := range []struct {
		resource int
		name     string
		value    uint64
	}{
		{unix.RLIMIT_DATA, "data", uint64(limits.Memory)},
		// Go reserves addresses before it makes them writable, and when that happens Linux from 6.12 on counts as data what
		// is there already, but not what is being added: one allocation of any size would pass.
		{unix.RLIMIT_AS, "address space", size + uint64(limits.Memory)},
		{unix.RLIMIT_CPU, "processor time", uint64(limits.CPU / time.Second)},
		{unix.RLIMIT_FSIZE, "file size", uint64(limits.FileSize)},
		{unix.RLIMIT_NOFILE, "open files", maxOpenFiles},
		{unix.RLIMIT_CORE, "core files", 0}, // one would hold the image's contents
	} {
		if err := unix.Setrlimit(limit.resource, &unix.Rlimit{Cur: limit.value, Max: limit.value}); err != nil {
			return fmt.Errorf("limit the %s: %w", limit.name, err)
		}
	}
	return nil
}

// addressSpace is what the process has mapped and reserved so far, in bytes: the first number of proc_pid_statm(5).
func addressSpace() (uint64, error) {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	var pages uint64
	if _, err := fmt.Sscan(string(statm), &pages); err != nil {
		return 0, fmt.Errorf("read /proc/self/statm: %w", err)
	}
	return pages * uint64(os.Getpagesize()), nil
}
