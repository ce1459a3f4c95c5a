// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package gather

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
)

// name asks the Java database for the names of an inventory's jars.
func (g *Gatherer) name(ctx context.Context, made inventory.Inventory) (inventory.Naming, error) {
	if g.Jars == nil {
		return made.Naming, nil
	}
	naming, err := g.Jars.Name(ctx, made.Jars)
	if err != nil {
		return inventory.Naming{}, fmt.Errorf("%w: name the jars: %w", inventory.ErrFailed, err)
	}
	return naming, nil
}

// namingOf says what named the jars in an image.
func namingOf(o outline) evidence.Naming {
	return evidence.Naming{HasJars: o.HasJars, Database: o.Naming.Database}
}

// outdated says that another Java database may name more in the image.
func (g *Gatherer) outdated(by evidence.Naming) bool {
	return by.HasJars && g.Jars != nil && g.Jars.Version() != "" && g.Jars.Version() != by.Database
}

// Outdated says that another Java database is in use than the one that named jars in the image.
func (g *Gatherer) Outdated(collected evidence.Evidence) bool {
	return slices.ContainsFunc(collected.Platforms, func(p evidence.Platform) bool { return g.outdated(p.Naming) })
}

// Rename returns the evidence with its jars named by the Java database in use, and has the fleet know. It asks no registry; collected is
// not changed. The error is inventory.ErrFailed or ErrStore.
func (g *Gatherer) Rename(ctx context.Context, collected evidence.Evidence) (evidence.Evidence, error) {
	collected.Platforms = slices.Clone(collected.Platforms)
	for i := range collected.Platforms {
		p := &collected.Platforms[i]
		if !g.outdated(p.Naming) {
			continue
		}
		kept, err := g.outlined(ctx, p.Manifest, false)
		if err == nil {
			kept, err = g.renamed(ctx, p.Manifest, kept)
		}
		switch {
		case errors.Is(err, evidence.ErrNotFound): // It will be indexed again when it is gathered.
		case err != nil:
			return collected, err
		default:
			p.Inventory, p.SBOMs, p.Naming = inventoryFact(kept.Inventory), kept.sboms(), namingOf(kept)
		}
	}
	return collected, nil
}

// renamed names the jars of an inventory anew when a Java database came since, once for all who ask. Where it says the same as the one
// before, nothing is written anew that statuses and registries name.
func (g *Gatherer) renamed(ctx context.Context, manifest image.Digest, kept outline) (outline, error) {
	if !g.outdated(namingOf(kept)) {
		return kept, nil
	}
	shared, err, _ := g.indexing.Do("rename "+manifest.String(), func() (any, error) {
		kept, err := g.outlined(ctx, manifest, false)
		if err != nil || !g.outdated(namingOf(kept)) {
			return kept, err
		}
		made, err := g.inventoried(ctx, manifest)
		if err != nil {
			return outline{}, err
		}
		naming, err := g.name(ctx, made)
		if err != nil {
			return outline{}, err
		}
		// Of another database than the outline is what a process that was killed left behind.
		unchanged := made.Naming.Database == kept.Naming.Database && sameNames(made.Naming, naming)
		made.Identify(naming)
		if unchanged {
			return g.note(ctx, manifest, kept, made)
		}
		return g.keep(ctx, manifest, made)
	})
	named, _ := shared.(outline)
	return named, err
}

// sameNames says that two databases say the same of the jars.
func sameNames(a, b inventory.Naming) bool {
	return slices.Equal(a.Jars, b.Jars) && bytes.Equal(a.Detail, b.Detail) && bytes.Equal(a.Hidden, b.Hidden)
}

// note stores which database was asked last.
func (g *Gatherer) note(ctx context.Context, manifest image.Digest, kept outline, made inventory.Inventory) (outline, error) {
	if err := g.putJSON(ctx, manifest, evidence.KindInventory, made); err != nil {
		return outline{}, err
	}
	kept.Naming.Database = made.Naming.Database
	return kept, g.putJSON(ctx, manifest, evidence.KindOutline, kept)
}
