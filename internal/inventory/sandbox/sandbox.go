// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sandbox indexes images in a child process, assay-index, so that what a hostile image does to a parser happens to
// somebody else: the child gets the layers through a pipe and answers through another, within limits of memory, time and
// room, without a network, an environment, or a file of its own beyond one scratch folder. This side parses nothing of a
// layer and holds no more of one than a pipe does.
//
// What was found in a layer is kept and serves other images. A layer may have taken the child over that says what is in
// it, so what is kept says of which layers the child had been given bytes, and serves only images that have all of them:
// see [memory].
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

var _ inventory.Indexer = (*Indexer)(nil)

// Indexer has children of its own for each image. How many images are indexed at a time is the caller's business.
type Indexer struct {
	options Options
	spares  spares
	warned  atomic.Bool // that children are not fully confined
}

// New returns an indexer, starts children that wait for the first image, and removes what children of a killed process left in
// the scratch folder. The caller closes the indexer.
func New(options Options) (*Indexer, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := removeLeftovers(options.ScratchDir); err != nil {
		return nil, fmt.Errorf("clear the scratch folder: %w", err)
	}
	x := &Indexer{options: options}
	x.spares.start, x.spares.clock = x.startChild, options.Clock
	x.spares.refill()
	return x, nil
}

// Close ends the children that wait, and waits until all children are gone. Index may not be called any more.
func (x *Indexer) Close() { x.spares.close() }

// Index implements [inventory.Indexer].
func (x *Indexer) Index(ctx context.Context, source inventory.Source) (inventory.Inventory, error) {
	img, err := describe(source)
	if err != nil {
		return inventory.Inventory{}, err
	}
	defer x.spares.refillLater()
	limited, cancel := context.WithTimeoutCause(ctx, x.options.Deadline, errDeadline)
	defer cancel()
	made, err := x.attempt(limited, source, img, x.options.Layers)
	if errors.Is(err, errForgotten) && x.options.Layers != nil {
		made, err = x.attempt(limited, source, img, forgetful{x.options.Layers}) // and keeps what it finds instead
	}
	switch {
	case err == nil:
		return made, nil
	case ctx.Err() != nil:
		return inventory.Inventory{}, ctx.Err()
	case errors.Is(context.Cause(limited), errDeadline):
		return inventory.Inventory{}, fmt.Errorf("%w: indexing takes longer than %v", inventory.ErrDeadline, x.options.Deadline)
	}
	return inventory.Inventory{}, err
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
	img := wire.Image{Settings: wire.Settings{Secrets: source.Secrets}, Layers: make([]wire.Layer, len(layers))}
	diffIDs := map[image.Digest]image.Digest{}
	for i, layer := range layers {
		img.Layers[i] = wire.Layer{Digest: layer.Digest, DiffID: config.DiffIDs[i]}
		if first, again := diffIDs[layer.Digest]; again && first != config.DiffIDs[i] {
			return wire.Image{}, fmt.Errorf("%w: layer %d of %d does not have the diff ID of the configuration",
				inventory.ErrMalformedLayer, i+1, len(layers))
		}
		diffIDs[layer.Digest] = config.DiffIDs[i]
	}
	return img, nil
}

var (
	// errDeadline is the cause of a context that ended by the deadline of Options.
	errDeadline = errors.New("the deadline of indexing")
	// errForgotten says that something that was kept of a layer cannot be read.
	errForgotten = fmt.Errorf("%w: what was kept of a layer cannot be read", inventory.ErrFailed)
)

func (x *Indexer) warnOnce(c wire.Confinement) {
	if !c.Complete() && !x.warned.Swap(true) {
		x.options.Logger.Warn("The kernel cannot confine the indexer fully: what hostile images do to it is limited in memory, time and room only",
			"landlock", c.Landlock, "noSockets", c.NoSockets)
	}
}
