// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/assay-dev/assay/internal/inventory/confine"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

// Serve is the life of assay-index: it confines the process, indexes the one image that comes in, and writes the result.
// An error means that the other side is not what it should be, or that the process could not be confined.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	r := wire.NewReader(in)
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
	confinement, err := confine.Apply(request.Scratch, request.Limits)
	if err != nil {
		return fmt.Errorf("confine the indexer: %w", err)
	}
	debug.SetMemoryLimit(request.Limits.Memory / 4 * 3) // collect rather than die

	result, err := serve(ctx, r, request.Limits)
	if err != nil {
		return err
	}
	result.Confinement = confinement
	return write(out, result, request.Limits)
}

// serve is what comes after the first hostile byte.
func serve(ctx context.Context, r *wire.Reader, limits wire.Limits) (wire.Result, error) {
	var img wire.Image
	if err := r.ReadMessage(&img); err != nil {
		return wire.Result{}, err
	}
	x, err := newIndexer(limits, img.Settings)
	if err != nil {
		return wire.Result{}, err
	}
	contents, err := x.index(ctx, img, r)
	if errors.Is(err, wire.ErrBroken) {
		return wire.Result{}, err
	}
	if err != nil {
		failure := failureOf(err, limits)
		fmt.Fprintln(os.Stderr, err) // more than users are told
		return wire.Result{Outcome: failure.Outcome, Message: failure.Message}, nil
	}
	return wire.Result{Outcome: wire.Indexed, Contents: &contents}, nil
}

func write(out io.Writer, result wire.Result, limits wire.Limits) error {
	encoded, err := json.Marshal(result)
	if err != nil {
		return err
	}
	if int64(len(encoded)) > limits.ResultBytes {
		result = wire.Result{
			Outcome: wire.OverLimit, Confinement: result.Confinement,
			Message: fmt.Sprintf("the inventory has more than %s", wire.Size(limits.ResultBytes)),
		}
		if encoded, err = json.Marshal(result); err != nil {
			return err
		}
	}
	_, err = out.Write(encoded)
	return err
}
