// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package gather

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
)

// outline is an inventory without its packages, with the digests of the SBOMs that were made from it. It is small: looking at an
// image again, and a restart, read nothing else of its inventory.
type outline struct {
	inventory.Inventory
	// HasJars says that a Java database may name more of what is in the image.
	HasJars   bool         `json:"hasJars,omitempty"`
	SPDX      image.Digest `json:"spdx"`
	CycloneDX image.Digest `json:"cyclonedx"`
}

// outlineOf takes the packages out of an inventory.
func outlineOf(made inventory.Inventory) outline {
	hasJars := len(made.Jars) > 0
	made.Detail, made.Hidden, made.Jars = nil, nil, nil
	made.Naming = inventory.Naming{Database: made.Naming.Database}
	return outline{Inventory: made, HasJars: hasJars}
}

// sboms are the documents that were made from the inventory.
func (o outline) sboms() []evidence.Report {
	var reports []evidence.Report
	for _, report := range []evidence.Report{{Kind: evidence.KindCycloneDX, Digest: o.CycloneDX}, {Kind: evidence.KindSPDX, Digest: o.SPDX}} {
		if !report.Digest.IsZero() {
			reports = append(reports, report)
		}
	}
	return reports
}

// outlined returns the outline that is stored; evidence.ErrNotFound when there is none of this version, or the image is to have
// been searched for secrets and was not.
func (g *Gatherer) outlined(ctx context.Context, manifest image.Digest, secrets bool) (outline, error) {
	var o outline
	if err := g.stored(ctx, manifest, evidence.KindOutline, &o); err != nil {
		return outline{}, err
	}
	if !serves(o.Inventory, secrets) {
		return outline{}, evidence.ErrNotFound
	}
	return o, nil
}

// inventoried returns the inventory that is stored, as outlined does.
func (g *Gatherer) inventoried(ctx context.Context, manifest image.Digest) (inventory.Inventory, error) {
	var made inventory.Inventory
	if err := g.stored(ctx, manifest, evidence.KindInventory, &made); err != nil {
		return inventory.Inventory{}, err
	}
	if !serves(made, false) {
		return inventory.Inventory{}, evidence.ErrNotFound
	}
	return made, nil
}

func serves(made inventory.Inventory, secrets bool) bool {
	return made.Version == inventory.Version && (made.SecretsSought || !secrets)
}

// stored reads a piece of evidence that is JSON; a malformed one is none.
func (g *Gatherer) stored(ctx context.Context, subject image.Digest, kind evidence.Kind, into any) error {
	content, err := g.Store.Get(ctx, subject, kind)
	switch {
	case errors.Is(err, evidence.ErrNotFound):
		return err
	case err != nil:
		return fmt.Errorf("%w: read: %w", ErrStore, err)
	case json.Unmarshal(content, into) != nil:
		return evidence.ErrNotFound
	}
	return nil
}
