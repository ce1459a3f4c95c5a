// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// PutTagged implements registry.Putter. Being killed in between leaves the tag as it was, or with no more to write.
func (a *attacher) PutTagged(ctx context.Context, tag image.Tag, artifact registry.Artifact) (image.Digest, error) {
	if err := checkSize(artifact); err != nil {
		return image.Digest{}, err
	}
	manifest, err := encode(nil, artifact)
	if err != nil {
		return image.Digest{}, err
	}
	digest := image.DigestOf(manifest)
	switch there, err := a.reader.Resolve(ctx, tag); {
	case err == nil && there.Digest == digest:
		return digest, nil
	case registry.IsKind(err, registry.KindNotFound), registry.IsKind(err, registry.KindUnsupported), registry.IsKind(err, registry.KindOverLimit): // is overwritten
	case err != nil:
		return image.Digest{}, err
	}
	if _, err := a.put(ctx, tag.Repository, tag.Name, manifest, artifact.Content); err != nil {
		return image.Digest{}, err
	}
	return digest, nil
}
