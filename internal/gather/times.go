// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package gather

import (
	"context"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// Times keeps copies of first-seen times outside of the disk.
type Times interface {
	// Restore takes the copy of a digest's times into the chronicle unless the digest is known there, and returns the vulnerabilities
	// that were first seen earlier than was thought. The error is a *registry.Error, also of KindUnauthorized when the place of the copy
	// may not be read, or says that the chronicle could not be written.
	Restore(ctx context.Context, reader registry.TaggedReader, about image.Reference) (earlier map[string]struct{}, err error)
}

// restoreTimes brings back when what is in the image was first seen, before it is judged for the first time: a disk that was lost
// must not begin a grace again. While nobody can tell, or may look, the image is not judged as if it were new.
func (g *Gatherer) restoreTimes(ctx context.Context, request Request) error {
	if g.Times == nil {
		return nil
	}
	earlier, err := g.Times.Restore(ctx, request.Reader, request.Reference)
	if err == nil && len(earlier) > 0 && g.Earlier != nil {
		g.Earlier(ctx, earlier)
	}
	return err
}
