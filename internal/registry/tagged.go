// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"io"

	"github.com/assay-dev/assay/internal/image"
)

// TaggedReader is what reading an artifact by its tag takes.
type TaggedReader interface {
	Resolver
	Fetcher
}

// ReadTagged returns the content of the artifact that the tag names now, as PutTagged writes it. The error is KindNotFound when
// there is none, KindUnsupported when the tag names something else than one document of the media type, and KindOverLimit
// when its content has more than limit bytes. Whoever can push to the repository can have written it.
func ReadTagged(ctx context.Context, reader TaggedReader, tag image.Tag, mediaType string, limit int64) ([]byte, error) {
	document, err := reader.Resolve(ctx, tag)
	if err != nil {
		return nil, err
	}
	manifest := document.Manifest
	if manifest == nil || manifest.ArtifactType != mediaType || len(manifest.Layers) != 1 {
		return nil, NewError(KindUnsupported, nil, "the tag %s names something else than a document of Assay's: remove it", tag.Name)
	}
	if size := manifest.Layers[0].Size; size > limit {
		return nil, NewError(KindOverLimit, nil, "the document under the tag %s has more than %d bytes: remove it", tag.Name, limit)
	}
	blob, err := reader.Blob(ctx, tag.Repository, manifest.Layers[0])
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	return io.ReadAll(blob)
}

// AttachIn returns an Attacher that attaches everything in one repository, wherever the subjects are: a list of the subject's
// referrers in that repository has it. The descriptor of a subject says nothing of its place, so that no copy is needed.
func AttachIn(repository image.Repository, attacher Attacher) Attacher {
	return elsewhere{repository: repository, attacher: attacher}
}

type elsewhere struct {
	repository image.Repository
	attacher   Attacher
}

// Attach implements Attacher.
func (e elsewhere) Attach(ctx context.Context, _ image.Repository, subject image.Descriptor, artifact Artifact) (image.Digest, error) {
	return e.attacher.Attach(ctx, e.repository, subject, artifact)
}
