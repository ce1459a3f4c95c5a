// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"math"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes make the kernel kill the child when this process dies, however it dies.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// keepFiles makes sure that the child inherits no descriptors. Those that Go opens are never inherited, but whoever started
// this process may have left it some.
func keepFiles() {
	const firstOfOthers = 3 // after the standard ones
	// Linux before 5.11 cannot do this; there is nothing to be done about it.
	_ = unix.CloseRange(firstOfOthers, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
}

// widen makes a pipe hold more, so that its ends take turns less often.
func widen(pipe *os.File) {
	const size = 1 << 20 // the most that the kernel gives to everybody
	if raw, err := pipe.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, size) // it works with less as well
		})
	}
}
