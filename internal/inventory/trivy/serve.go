// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/assay-dev/assay/internal/inventory/confine"
	"github.com/assay-dev/assay/internal/inventory/wire"
	"github.com/assay-dev/assay/internal/resident"
)

// gcPercent is how much garbage there may be beside what is in use, which is little: looking into a layer allocates next to nothing,
// and searching it for secrets makes garbage of one file at a time.
const gcPercent = 50

// Serve is the life of assay-index: it confines the process, waits for one image, indexes it, and ends. An error means that
// the other side is not what it should be, or that the process could not be confined.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	r, w := wire.NewReader(in), wire.NewWriter(out)
	var request wire.Request
	if err := r.ReadMessage(&request); err != nil {
		return err
	}
	if request.Version != wire.Version {
		return fmt.Errorf("asked in version %d of the protocol, and this is %d", request.Version, wire.Version)
	}
	if err := os.Setenv("TMPDIR", request.Scratch); err != nil {
		return err
	}
	// Nearly all images are indexed without looking for secrets, so that this is worth while before there is one.
	x, err := newIndexer(request.Limits, wire.Settings{})
	if err != nil {
		return err
	}
	// It may be a long time before there is an image.
	debug.FreeOSMemory()
	resident.ForgetStart()
	confinement, err := confine.Apply(request.Scratch, request.Limits)
	if err != nil {
		return fmt.Errorf("confine the indexer: %w", err)
	}
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(request.Limits.Memory / 4 * 3) // collect rather than die
	if err := w.WriteMessage(wire.Greeting{Analyzers: x.fingerprint(), Confinement: confinement}); err != nil {
		return err
	}
	return x.serve(ctx, r, w)
}

// serve is what comes after the first hostile byte.
func (x *indexer) serve(ctx context.Context, r *wire.Reader, w *wire.Writer) error {
	var img wire.Image
	if err := r.ReadMessage(&img); err != nil {
		return err
	}
	if img.Settings != x.settings {
		var err error
		if x, err = newIndexer(x.limits, img.Settings); err != nil {
			return err
		}
	}
	var task wire.Task
	for !task.Apply {
		if err := r.ReadMessage(&task); err != nil {
			return err
		}
		err := x.do(ctx, img, task, r, w)
		if errors.Is(err, wire.ErrBroken) {
			return err
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err) // more than users are told
			failure := failureOf(err, x.limits)
			return w.WriteMessage(wire.Answer{Outcome: failure.Outcome, Message: failure.Message})
		}
	}
	return nil
}
