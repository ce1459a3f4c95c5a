// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fleet knows the packages of all images that Assay looks after and the vulnerabilities in them. What findings follow
// from is matched once, whichever images have it, and everything goes by numbers, so that ten thousand images fit in tens of
// megabytes and a new database costs a second, or a tenth of it when little changed.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/go-logr/logr"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/vulnerability"
)

var _ vulnerability.Matcher = (*Fleet)(nil)

// Fleet implements [vulnerability.Matcher]. It is safe for concurrent use, and nobody who reads waits while it is matched anew.
type Fleet struct {
	detector vulnerability.Detector
	store    evidence.Store

	// updating is held by who changes results. It comes before mutex.
	updating sync.Mutex
	// changed are the images that Update has still to tell of; who updates reads and writes them.
	changed map[image.Digest]struct{}

	// mutex is never held for long.
	mutex   sync.RWMutex
	catalog *catalog
	// results are nil before there is a database. Who updates may read them without the mutex.
	results *results
}

// New returns a fleet without images. What it learns of an image it keeps in the store, so that a restart decodes no inventory.
func New(detector vulnerability.Detector, store evidence.Store) *Fleet {
	return &Fleet{detector: detector, store: store, changed: map[image.Digest]struct{}{}, catalog: newCatalog()}
}

// Add implements [vulnerability.Matcher].
func (f *Fleet) Add(ctx context.Context, manifest image.Digest, load func(context.Context) (inventory.Inventory, error)) error {
	f.mutex.RLock()
	_, known := f.catalog.images[manifest]
	f.mutex.RUnlock()
	if known {
		return nil
	}
	composition, err := f.stored(ctx, manifest)
	if err == nil {
		return f.add(ctx, manifest, composition)
	}
	made, err := load(ctx)
	if err != nil {
		return err
	}
	return f.Replace(ctx, manifest, made)
}

// Replace takes an inventory into the fleet in place of the one that it had of the image, such as one in which more jars have
// a name. The error is the context's.
func (f *Fleet) Replace(ctx context.Context, manifest image.Digest, made inventory.Inventory) error {
	composition, err := f.detector.Decompose(made)
	if err != nil {
		f.mutex.Lock()
		defer f.mutex.Unlock()
		f.catalog.images[manifest] = entry{failure: err}
		return nil
	}
	f.keep(ctx, manifest, composition)
	return f.add(ctx, manifest, composition)
}

// add takes a composition into the catalog and matches what is new about it.
func (f *Fleet) add(ctx context.Context, manifest image.Digest, composition vulnerability.Composition) error {
	f.mutex.Lock()
	f.catalog.add(manifest, composition)
	f.mutex.Unlock()
	if err := f.catchUp(ctx, manifest); err != nil && !errors.Is(err, vulnerability.ErrNoDatabase) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		logr.FromContextOrDiscard(ctx).Error(err, "Could not match an image; it will be tried again when its findings are asked for", "image", manifest.String())
	}
	return nil
}

// Feed implements [vulnerability.Matcher]: the database that the findings are from.
func (f *Fleet) Feed() evidence.Fact[evidence.Feed] {
	loaded, err := f.detector.Feed()
	f.mutex.RLock()
	defer f.mutex.RUnlock()
	switch {
	case f.results != nil && (err != nil || loaded.Version != f.results.feed.Version):
		return evidence.Checked(f.results.feed)
	case err != nil:
		return evidence.Unchecked[evidence.Feed](v1alpha1.ReasonDatabaseUnavailable, err.Error())
	}
	return evidence.Checked(loaded) // of the same content there may be a newer edition
}

// Retain forgets the images for which keep returns false.
func (f *Fleet) Retain(keep func(manifest image.Digest) bool) {
	f.mutex.RLock()
	var gone []image.Digest
	for manifest := range f.catalog.images {
		if !keep(manifest) {
			gone = append(gone, manifest)
		}
	}
	f.mutex.RUnlock()
	if len(gone) == 0 {
		return
	}
	f.mutex.Lock()
	for _, manifest := range gone {
		delete(f.catalog.images, manifest)
	}
	f.mutex.Unlock()
	f.compact()
}

// compact gives memory back when more than half of what the catalog holds is in no image any longer. It waits for the next time
// while the fleet is matched.
func (f *Fleet) compact() {
	if !f.updating.TryLock() {
		return
	}
	defer f.updating.Unlock()
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if !f.catalog.wasteful() || f.results != nil && !f.results.complete(f.catalog) {
		return
	}
	compacted, from := f.catalog.compact()
	f.catalog = compacted
	if f.results != nil {
		f.results = f.results.renumber(from)
	}
}

// notAdded is the error for an image that the fleet does not have.
func notAdded(manifest image.Digest) error {
	return fmt.Errorf("%w: %s", vulnerability.ErrNotAdded, manifest)
}
