// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

// lackOfMemory is what Go programs say when the kernel refuses them memory. The last two come from where the runtime does
// not ask whether it got any: the collector of Go 1.26, and cgo when it starts a thread.
var lackOfMemory = [][]byte{
	[]byte("out of memory"),
	[]byte("cannot allocate memory"),
	[]byte("SIGSEGV: segmentation violation\nPC="),
	[]byte("pthread_create failed"),
}

// causeOfDeath says why a child ended without a result. The text is the same each time that an image has the same effect.
func causeOfDeath(state *os.ProcessState, stderr []byte, limits wire.Limits) error {
	if state.Success() {
		return errNonsense
	}
	status, _ := state.Sys().(syscall.WaitStatus)
	killed := status.Signaled() && status.Signal() == syscall.SIGKILL
	// The kernel counts in ticks, and kills at the first one that is not below the limit.
	if spent := state.UserTime() + state.SystemTime(); killed && spent > limits.CPU-time.Second/2 {
		return fmt.Errorf("%w: one of the processes that index the image needs more than %v of processor time", inventory.ErrOverLimit, limits.CPU)
	}
	for _, words := range lackOfMemory {
		if bytes.Contains(stderr, words) {
			return fmt.Errorf("%w: one of the processes that index the image needs more than %s of memory", inventory.ErrOverLimit, wire.Size(limits.Memory))
		}
	}
	switch {
	case killed:
		return fmt.Errorf("%w: the indexer was killed from outside; the memory of the node or container may be too small", inventory.ErrFailed)
	case bytes.Contains(stderr, []byte("panic: ")) || bytes.Contains(stderr, []byte("fatal error: ")):
		return fmt.Errorf("%w: the indexer crashed on the image", inventory.ErrFailed)
	default:
		return fmt.Errorf("%w: the indexer ended with %v; its log has more", inventory.ErrFailed, state)
	}
}

// withoutPath is the cause of a file's error: paths in the scratch folder are never the same twice.
func withoutPath(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}
