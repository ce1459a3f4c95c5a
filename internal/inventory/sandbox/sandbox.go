// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sandbox indexes images in a child process, assay-index, so that what a hostile image does to a parser happens to
// somebody else: the child gets the layers through a pipe and answers through another, within limits of memory, time and
// room, without a network, an environment, or a file of its own beyond one scratch folder. This side parses nothing of a
// layer and holds no more of one than a pipe does.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

var _ inventory.Indexer = (*Indexer)(nil)

// Indexer starts a child for each image. How many run at a time is the caller's business.
type Indexer struct {
	options Options
	warned  atomic.Bool // that children are not fully confined
}

// New returns an indexer, and removes what children of a killed process left in the scratch folder.
func New(options Options) (*Indexer, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := removeLeftovers(options.ScratchDir); err != nil {
		return nil, fmt.Errorf("clear the scratch folder: %w", err)
	}
	return &Indexer{options: options}, nil
}

// Index implements [inventory.Indexer].
func (x *Indexer) Index(ctx context.Context, source inventory.Source) (inventory.Inventory, error) {
	img, err := describe(source)
	if err != nil {
		return inventory.Inventory{}, err
	}
	scratch, err := newScratch(x.options.ScratchDir)
	if err != nil {
		return inventory.Inventory{}, fmt.Errorf("%w: cannot make a scratch folder: %w", inventory.ErrFailed, withoutPath(err))
	}
	defer scratch.remove(x.options.Logger)
	result, err := x.run(ctx, scratch.path, img, source)
	if err != nil {
		return inventory.Inventory{}, err
	}
	x.warnOnce(result.Confinement)
	return answer(source, img, result)
}

// describe tells the child what to expect.
func describe(source inventory.Source) (wire.Image, error) {
	config, err := image.ParseConfig(source.Config)
	if err != nil {
		return wire.Image{}, fmt.Errorf("%w: %w", inventory.ErrMalformedLayer, err)
	}
	layers := source.Manifest.Layers
	if len(config.DiffIDs) != len(layers) {
		return wire.Image{}, fmt.Errorf("%w: the manifest has %d layers and the configuration the diff IDs of %d",
			inventory.ErrMalformedLayer, len(layers), len(config.DiffIDs))
	}
	img := wire.Image{Settings: wire.Settings{Secrets: source.Secrets}, Config: source.Config, Layers: make([]wire.Layer, len(layers))}
	for i, layer := range layers {
		img.Layers[i] = wire.Layer{Digest: layer.Digest, DiffID: config.DiffIDs[i]}
	}
	return img, nil
}

// errDeadline is the cause of a context that ended by the deadline of Options.
var errDeadline = errors.New("the deadline of indexing")

// run lives through the life of one child.
func (x *Indexer) run(ctx context.Context, scratch string, img wire.Image, source inventory.Source) (wire.Result, error) {
	limited, cancel := context.WithTimeoutCause(ctx, x.options.Deadline, errDeadline)
	defer cancel()
	// The kernel kills the child when the thread that started it ends, which this one then does not do before the child.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	c, err := startChild(limited, x.options.Program, scratch, x.options.Limits)
	if err != nil {
		return wire.Result{}, fmt.Errorf("%w: cannot start the indexer: %w", inventory.ErrFailed, withoutPath(err))
	}
	sourceErr := c.feed(limited, wire.Request{Version: wire.Version, Scratch: scratch, Limits: x.options.Limits}, img, source.OpenLayer)
	if sourceErr != nil {
		c.kill()
	}
	result, err := c.wait()
	switch {
	case ctx.Err() != nil:
		return wire.Result{}, ctx.Err()
	case errors.Is(context.Cause(limited), errDeadline):
		return wire.Result{}, fmt.Errorf("%w: indexing takes longer than %v", inventory.ErrDeadline, x.options.Deadline)
	case sourceErr != nil:
		return wire.Result{}, sourceErr
	}
	if err != nil || result.Outcome == wire.Failed {
		x.options.Logger.ErrorContext(ctx, "The indexer ended without a result", "image", source.Name, "error", err, "stderr", c.lastWords())
	}
	return result, err
}

func (x *Indexer) warnOnce(c wire.Confinement) {
	if !c.Complete() && !x.warned.Swap(true) {
		x.options.Logger.Warn("The kernel cannot confine the indexer fully: what hostile images do to it is limited in memory, time and room only",
			"landlock", c.Landlock, "noSockets", c.NoSockets)
	}
}
