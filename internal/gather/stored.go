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

// inventory returns what is in one platform's image and takes it into the fleet. The image is indexed when the store has no
// inventory of this version.
func (g *Gatherer) inventory(ctx context.Context, request Request, c child, raw []byte, config image.Config) (outline, error) {
	kept, err := g.kept(ctx, c.digest, request.Secrets)
	if err == nil && !g.outdated(namingOf(kept)) || err != nil && !errors.Is(err, evidence.ErrNotFound) {
		return kept, err
	}
	shared, err, _ := g.indexing.Do(fmt.Sprintf("%s@%s %v", request.Reference.Repository, c.digest, request.Secrets), func() (any, error) {
		// Somebody may have finished between the look above and this call.
		if kept, err := g.kept(ctx, c.digest, request.Secrets); err == nil {
			if named, err := g.renamed(ctx, c.digest, kept); !errors.Is(err, evidence.ErrNotFound) {
				return named, err
			}
		}
		// A process that was killed may have left an inventory of which the outline was not written.
		if made, err := g.inventoried(ctx, c.digest); err == nil && serves(made, request.Secrets) {
			return g.take(ctx, c.digest, made)
		}
		return g.index(ctx, request, c, raw, config)
	})
	made, _ := shared.(outline)
	return made, err
}

// kept returns the outline of an image whose inventory is stored, and has the fleet know the image.
func (g *Gatherer) kept(ctx context.Context, manifest image.Digest, secrets bool) (outline, error) {
	kept, err := g.outlined(ctx, manifest, secrets)
	if err != nil {
		return outline{}, err
	}
	return kept, g.Matcher.Add(ctx, manifest, func(ctx context.Context) (inventory.Inventory, error) { return g.inventoried(ctx, manifest) })
}

// index makes the inventory and all that is made from it.
func (g *Gatherer) index(ctx context.Context, request Request, c child, raw []byte, config image.Config) (outline, error) {
	if err := g.Store.Room(ctx); err != nil {
		return outline{}, fmt.Errorf("%w: %w", ErrStore, err)
	}
	repository := request.Reference.Repository
	made, err := g.Indexer.Index(ctx, inventory.Source{
		// The digest alone: what is kept of it serves everybody who has it, wherever they have it from.
		Name:     c.digest.String(),
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
		return outline{}, err
	}
	return g.take(ctx, c.digest, made)
}

// take names the jars of an inventory, stores it, and takes it into the fleet.
func (g *Gatherer) take(ctx context.Context, manifest image.Digest, made inventory.Inventory) (outline, error) {
	if len(made.Jars) > 0 {
		naming, err := g.name(ctx, made)
		if err != nil {
			return outline{}, err
		}
		made.Identify(naming)
	}
	return g.keep(ctx, manifest, made)
}

// keep stores an inventory with all that is made from it and takes it into the fleet, which stores it, too. The outline comes last: when
// it is there, everything is.
func (g *Gatherer) keep(ctx context.Context, manifest image.Digest, made inventory.Inventory) (outline, error) {
	o := outlineOf(made)
	writers := []struct {
		kind   evidence.Kind
		write  func(context.Context, string, inventory.Inventory) ([]byte, error)
		digest *image.Digest
	}{
		{evidence.KindSPDX, g.SBOMs.SPDX, &o.SPDX},
		{evidence.KindCycloneDX, g.SBOMs.CycloneDX, &o.CycloneDX},
	}
	for _, w := range writers {
		document, err := w.write(ctx, manifest.String(), made)
		if err != nil {
			return outline{}, fmt.Errorf("%w: write the SBOM: %w", inventory.ErrFailed, err)
		}
		if err := g.put(ctx, manifest, w.kind, document); err != nil {
			return outline{}, err
		}
		*w.digest = image.DigestOf(document)
	}
	if err := g.putJSON(ctx, manifest, evidence.KindInventory, made); err != nil {
		return outline{}, err
	}
	if err := g.Matcher.Replace(ctx, manifest, made); err != nil {
		return outline{}, err
	}
	return o, g.putJSON(ctx, manifest, evidence.KindOutline, o)
}

func (g *Gatherer) putJSON(ctx context.Context, subject image.Digest, kind evidence.Kind, value any) error {
	content, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("%w: %w", inventory.ErrFailed, err)
	}
	return g.put(ctx, subject, kind, content)
}

func (g *Gatherer) put(ctx context.Context, subject image.Digest, kind evidence.Kind, content []byte) error {
	if err := g.Store.Put(ctx, subject, kind, content); err != nil {
		return fmt.Errorf("%w: write: %w", ErrStore, err)
	}
	return nil
}
