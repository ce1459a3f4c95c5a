// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package resident keeps what a program has in memory to what it needs.
package resident

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// ForgetStart gives back the memory in which the program and its constants stand. What is needed again is mapped again, from the
// file. Of a program that links thousands of packages, most was needed only to start.
func ForgetStart() {
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return // it works with more memory as well
	}
	defer maps.Close() //nolint:errcheck // only read from
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		// proc_pid_maps(5): address, permissions, offset, device, inode, path.
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 || !strings.HasPrefix(fields[5], "/") || fields[1] != "r--p" && fields[1] != "r-xp" {
			continue
		}
		var from, to uintptr
		if _, err := fmt.Sscanf(fields[0], "%x-%x", &from, &to); err != nil || to <= from {
			continue
		}
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED) // where it fails, the memory stays
	}
}
