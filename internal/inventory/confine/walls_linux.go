// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package confine

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/landlock-lsm/go-landlock/landlock"
	landlocksys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"github.com/assay-dev/assay/internal/inventory/wire"
)

func raiseWalls(folder string) (wire.Confinement, error) {
	var c wire.Confinement
	if version, err := landlocksys.LandlockGetABIVersion(); err == nil && version > 0 {
		if err := landlock.V11.BestEffort().Restrict(landlock.RWDirs(folder)); err != nil {
			return wire.Confinement{}, fmt.Errorf("confine to the scratch folder: %w", err)
		}
		c.Landlock = version
	}
	err := denyCalls()
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return wire.Confinement{}, fmt.Errorf("deny sockets and programs: %w", err)
	}
	c.NoSockets = err == nil
	return c, nil
}

// deniedCalls open a way to the network, to another program or into another process. Landlock below version 10 leaves UDP
// open, and all versions leave multipath TCP and what goes through io_uring.
var deniedCalls = []uint32{
	unix.SYS_SOCKET,
	unix.SYS_SOCKETPAIR,
	unix.SYS_IO_URING_SETUP,
	unix.SYS_EXECVE,
	unix.SYS_EXECVEAT,
	unix.SYS_PTRACE,
	unix.SYS_PROCESS_VM_READV,
	unix.SYS_PROCESS_VM_WRITEV,
	unix.SYS_PIDFD_GETFD,
}

// auditArchitectures are the names that the kernel gives to the native calls of an architecture (linux/audit.h).
var auditArchitectures = map[string]uint32{
	"amd64": unix.AUDIT_ARCH_X86_64,
	"arm64": unix.AUDIT_ARCH_AARCH64,
}

// foreignCalls is the bit in the number of an x32 call on amd64.
const foreignCalls = 0x40000000

// denyCalls makes the denied calls fail with EPERM in every thread, and gives up for good to gain privileges.
func denyCalls() error {
	architecture, known := auditArchitectures[runtime.GOARCH]
	if !known {
		return errors.ErrUnsupported
	}
	filter := program(architecture)
	// The filter needs no_new_privs in the thread that sets it, and takes both to all the others.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})))
	runtime.KeepAlive(filter)
	if errno == unix.ENOSYS || errno == unix.EINVAL {
		return errors.ErrUnsupported
	}
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}

// program is the filter, in the language of seccomp(2): it reads the architecture and the number of a call from the
// struct seccomp_data, and jumps by the numbers of instructions to skip.
func program(architecture uint32) []unix.SockFilter {
	const (
		numberAt, architectureAt = 0, 4
		load                     = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		ifEqual                  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		ifAtLeast                = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		answer                   = unix.BPF_RET | unix.BPF_K
	)
	deny := unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)}
	filter := []unix.SockFilter{
		{Code: load, K: architectureAt},
		{Code: ifEqual, K: architecture, Jt: 1},
		deny,
		{Code: load, K: numberAt},
		{Code: ifAtLeast, K: foreignCalls, Jf: 1},
		deny,
	}
	for _, call := range deniedCalls {
		filter = append(filter, unix.SockFilter{Code: ifEqual, K: call, Jf: 1}, deny)
	}
	return append(filter, unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW})
}
