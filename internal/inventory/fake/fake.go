// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fake stands in for indexers and SBOM writers in tests.
package fake

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
)

var (
	_ inventory.Indexer    = (*Indexer)(nil)
	_ inventory.SBOMWriter = SBOMWriter{}
)

// Indexer is an [inventory.Indexer] that knows what is in images without looking. It reads the layers as a real one does,
// so that errors of the source show.
type Indexer struct {
	// Inventories by the digest of the platform's manifest. Of those that are not here the inventory is empty.
	Inventories map[image.Digest]inventory.Inventory
	// Errors come instead of an inventory, by the digest of the platform's manifest.
	Errors map[image.Digest]error

	mu      sync.Mutex
	indexed []image.Digest
}

// Index implements [inventory.Indexer].
func (x *Indexer) Index(ctx context.Context, source inventory.Source) (inventory.Inventory, error) {
	x.mu.Lock()
	x.indexed = append(x.indexed, source.Image)
	x.mu.Unlock()
	for index := range source.Manifest.Layers {
		if err := read(ctx, source, index); err != nil {
			return inventory.Inventory{}, err
		}
	}
	if err := x.Errors[source.Image]; err != nil {
		return inventory.Inventory{}, err
	}
	result, ok := x.Inventories[source.Image]
	if !ok {
		result.Detail = []byte("{}")
	}
	result.Version = inventory.Version
	result.Image, result.Platform, result.ImageID = source.Image, source.Platform, source.Manifest.Config.Digest
	return result, nil
}

func read(ctx context.Context, source inventory.Source, index int) error {
	layer, err := source.OpenLayer(ctx, index)
	if err != nil {
		return err
	}
	defer layer.Close()
	_, err = io.Copy(io.Discard, layer)
	return err
}

// Indexed returns the manifests that were indexed, in order, each as often as it was.
func (x *Indexer) Indexed() []image.Digest {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]image.Digest(nil), x.indexed...)
}

// SBOMWriter is an [inventory.SBOMWriter] whose documents only say what they are of.
type SBOMWriter struct {
	// Err comes instead of a document.
	Err error
}

// SPDX implements [inventory.SBOMWriter].
func (w SBOMWriter) SPDX(_ context.Context, name string, i inventory.Inventory) ([]byte, error) {
	return fmt.Appendf(nil, `{"spdxVersion":"SPDX-2.3","name":%q,"comment":%q}`, name, i.Image), w.Err
}

// CycloneDX implements [inventory.SBOMWriter].
func (w SBOMWriter) CycloneDX(_ context.Context, name string, i inventory.Inventory) ([]byte, error) {
	return fmt.Appendf(nil, `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"name":%q,"version":%q}}}`, name, i.Image), w.Err
}
