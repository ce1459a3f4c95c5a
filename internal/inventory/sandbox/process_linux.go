// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"math"
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
