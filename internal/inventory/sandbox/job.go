// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"sync"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

// worthAnother is how many bytes of compressed layers, the largest one aside, are worth another child: to start one, if only
// as a spare for the next image, takes as much of a processor as to look into half of them.
const worthAnother = 8 << 20

// job is the work on one image.
type job struct {
	*Indexer
	source inventory.Source
	img    wire.Image
	memory *memory
	layers *layers
}

// attempt finds out what is in an image. The error is one of the source's, of inventory's, or errForgotten.
func (x *Indexer) attempt(ctx context.Context, source inventory.Source, img wire.Image, store evidence.Store) (inventory.Inventory, error) {
	j := &job{Indexer: x, source: source, img: img, memory: &memory{store: store, logger: x.options.Logger}}
	first, err := j.hire(ctx)
	if err != nil {
		return inventory.Inventory{}, err
	}
	defer j.dismiss(first)
	limits := x.options.Limits
	j.layers = newLayers(ctx, source, img, limits, j.memory.recall(ctx, first.greeting.Analyzers, img, limits))
	defer j.layers.close()
	defer j.memory.settle()
	if err := j.lookInto(ctx, first); err != nil {
		return inventory.Inventory{}, err
	}
	contents, details, err := first.apply(ctx, j.layers.found, source.Config)
	if err != nil {
		return inventory.Inventory{}, err
	}
	x.warnOnce(first.greeting.Confinement)
	return inventoryOf(source, img, contents, details), nil
}

// hire gets a child to work on the image.
func (j *job) hire(ctx context.Context) (*worker, error) {
	c, err := j.spares.take()
	if err != nil {
		return nil, err
	}
	w := &worker{child: c, img: j.img, name: j.source.Name, logger: j.options.Logger}
	w.stop = context.AfterFunc(ctx, c.end)
	if err := w.begin(ctx); err != nil {
		j.dismiss(w)
		return nil, err
	}
	return w, nil
}

func (j *job) dismiss(w *worker) {
	w.stop()
	j.spares.release(w.child)
}

// lookInto has the children look into the layers of which nothing is known.
func (j *job) lookInto(ctx context.Context, first *worker) error {
	var working sync.WaitGroup
	if j.layers.left() > worthAnother && atOnce() > 1 {
		working.Go(func() {
			another, err := j.hire(ctx)
			if err != nil {
				return // the first one does all of the work
			}
			defer j.dismiss(another)
			j.work(ctx, another)
		})
	}
	j.work(ctx, first)
	working.Wait()
	return j.layers.verdict()
}

// work has a child look into one layer after the other, from the bottom: so that it has seen as few as possible when it says
// what is in one, and none that is not below that one in the image.
func (j *job) work(ctx context.Context, w *worker) {
	for {
		layer, more := j.layers.next()
		if !more {
			return
		}
		witnesses := w.given
		found, err := w.lookInto(layer)
		j.layers.done(layer.index, found, err)
		if err != nil {
			return
		}
		described := j.img.Layers[layer.index]
		j.memory.remember(ctx, record{
			Layer: described.Digest, DiffID: described.DiffID, Analyzers: w.greeting.Analyzers, Settings: j.img.Settings,
			Witnesses: witnesses, Measures: found.measures,
		}, found.content)
	}
}
