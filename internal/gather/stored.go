// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package gather

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/registry"
)

// Keep stores a document that was just fetched, so that gathering does not fetch it again.
func (g *Gatherer) Keep(ctx context.Context, document image.Document) error {
	content := append([]byte(document.MediaType()+"\n"), document.Raw...)
	return g.put(ctx, document.Digest, evidence.KindDocument, content)
}

// Document returns the manifest or index from the store, and from the registry when it is not there.
func (g *Gatherer) Document(ctx context.Context, fetcher registry.Fetcher, reference image.Reference) (image.Document, error) {
	stored, err := g.Store.Get(ctx, reference.Digest, evidence.KindDocument)
	if err == nil {
		mediaType, raw, _ := bytes.Cut(stored, []byte("\n"))
		if document, err := image.ParseDocument(string(mediaType), raw); err == nil && document.Digest == reference.Digest {
			return document, nil
		}
	} else if !errors.Is(err, evidence.ErrNotFound) {
		return image.Document{}, fmt.Errorf("%w: read: %w", ErrStore, err)
	}
	document, err := fetcher.Document(ctx, reference)
	if err != nil {
		return image.Document{}, err
	}
	return document, g.Keep(ctx, document)
}

// config returns the configuration of one platform's image, as bytes and parsed.
func (g *Gatherer) config(ctx context.Context, request Request, c child) ([]byte, image.Config, error) {
	raw, err := g.Store.Get(ctx, c.digest, evidence.KindConfig)
	switch {
	case errors.Is(err, evidence.ErrNotFound):
		if raw, err = readBlob(ctx, request, c.manifest.Config); err != nil {
			return nil, image.Config{}, err
		}
		if err := g.put(ctx, c.digest, evidence.KindConfig, raw); err != nil {
			return nil, image.Config{}, err
		}
	case err != nil:
		return nil, image.Config{}, fmt.Errorf("%w: read: %w", ErrStore, err)
	}
	config, err := image.ParseConfig(raw)
	return raw, config, err
}

func readBlob(ctx context.Context, request Request, descriptor image.Descriptor) ([]byte, error) {
	if descriptor.Size > image.MaxConfigSize {
		return nil, fmt.Errorf("%w: the configuration has %d bytes, at most %d are taken", image.ErrOverLimit, descriptor.Size, image.MaxConfigSize)
	}
	blob, err := request.Reader.Blob(ctx, request.Reference.Repository, descriptor)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	return io.ReadAll(blob)
}

// inventory returns the inventory of one platform's image, and has it indexed when the store has none of this version.
func (g *Gatherer) inventory(ctx context.Context, request Request, c child, raw []byte, config image.Config) (inventory.Inventory, error) {
	if made, err := g.storedInventory(ctx, c.digest, request.Secrets); err == nil || !errors.Is(err, evidence.ErrNotFound) {
		return made, err
	}
	shared, err, _ := g.indexing.Do(fmt.Sprintf("%s@%s %v", request.Reference.Repository, c.digest, request.Secrets), func() (any, error) {
		// Somebody may have finished between the look above and this call.
		if made, err := g.storedInventory(ctx, c.digest, request.Secrets); err == nil {
			return made, nil
		}
		return g.index(ctx, request, c, raw, config)
	})
	made, _ := shared.(inventory.Inventory)
	return made, err
}

// storedInventory returns what is stored, unless it is to have been searched for secrets and was not.
func (g *Gatherer) storedInventory(ctx context.Context, manifest image.Digest, secrets bool) (inventory.Inventory, error) {
	var made inventory.Inventory
	content, err := g.Store.Get(ctx, manifest, evidence.KindInventory)
	if err != nil {
		return made, err
	}
	if err := json.Unmarshal(content, &made); err != nil || made.Version != inventory.Version || secrets && !made.SecretsSought {
		return inventory.Inventory{}, evidence.ErrNotFound
	}
	return made, nil
}

// index makes the inventory and the SBOMs, and stores the inventory last: when it is there, everything is.
func (g *Gatherer) index(ctx context.Context, request Request, c child, raw []byte, config image.Config) (inventory.Inventory, error) {
	repository := request.Reference.Repository
	// The digest alone: what is kept of it serves everybody who has it, wherever they have it from.
	name := c.digest.String()
	made, err := g.Indexer.Index(ctx, inventory.Source{
		Name:     name,
		Image:    c.digest,
		Platform: config.Platform,
		Manifest: c.manifest,
		Config:   raw,
		Secrets:  request.Secrets,
		OpenLayer: func(ctx context.Context, layer int) (io.ReadCloser, error) {
			return request.Reader.Blob(ctx, repository, c.manifest.Layers[layer])
		},
	})
	if err != nil {
		return inventory.Inventory{}, err
	}
	writers := []struct {
		kind  evidence.Kind
		write func(context.Context, string, inventory.Inventory) ([]byte, error)
	}{
		{evidence.KindSPDX, g.SBOMs.SPDX},
		{evidence.KindCycloneDX, g.SBOMs.CycloneDX},
	}
	for _, w := range writers {
		document, err := w.write(ctx, name, made)
		if err != nil {
			return inventory.Inventory{}, fmt.Errorf("%w: write the SBOM: %w", inventory.ErrFailed, err)
		}
		if err := g.put(ctx, c.digest, w.kind, document); err != nil {
			return inventory.Inventory{}, err
		}
	}
	content, err := json.Marshal(made)
	if err != nil {
		return inventory.Inventory{}, fmt.Errorf("%w: %w", inventory.ErrFailed, err)
	}
	return made, g.put(ctx, c.digest, evidence.KindInventory, content)
}

func (g *Gatherer) put(ctx context.Context, subject image.Digest, kind evidence.Kind, content []byte) error {
	if err := g.Store.Put(ctx, subject, kind, content); err != nil {
		return fmt.Errorf("%w: write: %w", ErrStore, err)
	}
	return nil
}
