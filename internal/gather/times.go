// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package gather

import (
	"context"

	"github.com/go-logr/logr"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// Times keeps copies of first-seen times outside of the disk.
type Times interface {
	// Restore takes the copy of a digest's times into the chronicle unless the digest is known there, and returns the vulnerabilities
	// that were first seen earlier than was thought. The error is a *registry.Error, or says that the chronicle could not be written.
	Restore(ctx context.Context, reader registry.TaggedReader, about image.Reference) (earlier map[string]struct{}, err error)
}

// restoreTimes brings back when what is in the image was first seen, before it is judged for the first time: a disk that was lost
// must not begin a grace again. A place that may not be read has no copy: Assay could not have written it.
func (g *Gatherer) restoreTimes(ctx context.Context, request Request) error {
	if g.Times == nil {
		return nil
	}
	earlier, err := g.Times.Restore(ctx, request.Reader, request.Reference)
	if registry.IsKind(err, registry.KindUnauthorized) {
		logr.FromContextOrDiscard(ctx).Info("copies of first-seen times may not be read; there is none as far as anybody knows", "image", request.Reference.String(), "why", err.Error())
		return nil
	}
	if err == nil && len(earlier) > 0 && g.Earlier != nil {
		g.Earlier(ctx, earlier)
	}
	return err
}
