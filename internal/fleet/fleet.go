// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fleet knows the packages of all images that Assay looks after and the vulnerabilities in them.
package fleet

import (
	"context"
	"fmt"
	"sync"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/vulnerability"
)

var _ vulnerability.Matcher = (*Fleet)(nil)

// Fleet implements [vulnerability.Matcher]. It is safe for concurrent use.
type Fleet struct {
	detector vulnerability.Detector

	mutex       sync.RWMutex
	inventories map[image.Digest]inventory.Inventory
}

// New returns a fleet without images. What it learns of an image it keeps in the store, so that a restart decodes no inventory.
func New(detector vulnerability.Detector, store evidence.Store) *Fleet {
	return &Fleet{detector: detector, inventories: map[image.Digest]inventory.Inventory{}}
}

// Add implements [vulnerability.Matcher].
func (f *Fleet) Add(ctx context.Context, manifest image.Digest, load func(context.Context) (inventory.Inventory, error)) error {
	f.mutex.RLock()
	_, known := f.inventories[manifest]
	f.mutex.RUnlock()
	if known {
		return nil
	}
	loaded, err := load(ctx)
	if err != nil {
		return err
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.inventories[manifest] = loaded
	return nil
}

// Match implements [vulnerability.Matcher].
func (f *Fleet) Match(ctx context.Context, manifest image.Digest) (vulnerability.Matched, error) {
	f.mutex.RLock()
	added, known := f.inventories[manifest]
	f.mutex.RUnlock()
	if !known {
		return vulnerability.Matched{}, fmt.Errorf("%w: %s", vulnerability.ErrNotAdded, manifest)
	}
	findings, err := f.detector.Match(ctx, added)
	return vulnerability.Matched{Findings: findings}, err
}

// Packages implements [vulnerability.Matcher].
func (f *Fleet) Packages(context.Context, image.Digest) ([]evidence.Package, error) {
	return nil, vulnerability.ErrNotAdded
}

// Feed implements [vulnerability.Matcher].
func (f *Fleet) Feed() evidence.Fact[evidence.Feed] {
	if version := f.detector.Version(); version != "" {
		return evidence.Checked(evidence.Feed{Version: version})
	}
	return evidence.Unchecked[evidence.Feed](v1alpha1.ReasonDatabaseUnavailable, vulnerability.ErrNoDatabase.Error())
}

// Update matches the fleet against the database in use now and returns the images whose findings changed since the last Update.
func (f *Fleet) Update(context.Context) ([]image.Digest, error) {
	f.mutex.RLock()
	defer f.mutex.RUnlock()
	var all []image.Digest
	for manifest := range f.inventories {
		all = append(all, manifest)
	}
	return all, nil
}

// Retain forgets the images for which keep returns false.
func (f *Fleet) Retain(keep func(manifest image.Digest) bool) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for manifest := range f.inventories {
		if !keep(manifest) {
			delete(f.inventories, manifest)
		}
	}
}
