// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"io"
	"net/http"
	"slices"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// Append implements registry.Appender. The tag is read again after it was written, since somebody else may have written it in between.
// Being killed leaves the list as it was, or with no more to write.
func (a *attacher) Append(ctx context.Context, tag image.Tag, artifact registry.Artifact) (image.Digest, error) {
	if err := checkSize(artifact); err != nil {
		return image.Digest{}, err
	}
	added := describe(artifact.MediaType, artifact.Content)
	added.Annotations = artifact.Annotations
	release, err := a.turns.wait(ctx, image.Reference{Repository: tag.Repository, Digest: image.DigestOf([]byte(tag.String()))})
	if err != nil {
		return image.Digest{}, aboutPush(tag.Repository).failed(ctx, err)
	}
	defer release()
	for write := 0; ; write++ {
		document, err := a.reader.Resolve(ctx, tag)
		switch {
		case registry.IsKind(err, registry.KindNotFound):
			document = emptyList()
		case err != nil:
			return image.Digest{}, err
		case document.Manifest == nil:
			return image.Digest{}, failure(registry.KindUnsupported, nil, "the tag %s names an index and no list of signatures: remove it", tag.Name)
		}
		if hasLayer(document.Manifest, added) {
			return document.Digest, nil
		}
		if write == maxFallbackWrites {
			return image.Digest{}, failure(registry.KindUnavailable, nil, "registry %s does not keep what is written to the tag %s: somebody else writes there as well",
				tag.Repository.Host(), tag.Name)
		}
		if err := a.writeList(ctx, tag, document, added, artifact.Content); err != nil {
			return image.Digest{}, err
		}
	}
}

// hasLayer says that the layer is in the list. Others may have annotated it further, with a timestamp for instance.
func hasLayer(manifest *image.Manifest, wanted wireDescriptor) bool {
	return slices.ContainsFunc(manifest.Layers, func(layer image.Descriptor) bool {
		for name, value := range wanted.Annotations {
			if there, has := layer.Annotations[name]; !has || there != value {
				return false
			}
		}
		return layer.Digest == wanted.Digest && layer.MediaType == wanted.MediaType
	})
}

// writeList writes the list with the layer added: first the blobs, then the manifest that names them.
func (a *attacher) writeList(ctx context.Context, tag image.Tag, document image.Document, added wireDescriptor, content []byte) error {
	if len(document.Manifest.Layers) >= image.MaxLayers {
		return failure(registry.KindOverLimit, nil, "the tag %s lists %d signatures or attestations already, which is all that is taken: remove those that nobody needs",
			tag.Name, len(document.Manifest.Layers))
	}
	config, err := a.listConfig(ctx, tag, document)
	if err != nil {
		return err
	}
	extended, err := extendList(document, config, added)
	if err != nil {
		return aboutPush(tag.Repository).refused(err)
	}
	for _, blob := range [][]byte{content, extended.config} {
		if err := a.upload(ctx, tag.Repository, blob); err != nil {
			return err
		}
	}
	_, err = a.do(ctx, &request{
		repository: tag.Repository, method: http.MethodPut, resource: "manifests/" + tag.Name,
		header: http.Header{"Content-Type": {document.Manifest.MediaType}}, body: extended.manifest,
	}, http.StatusCreated)
	return err
}

// listConfig reads the configuration of a list.
func (a *attacher) listConfig(ctx context.Context, tag image.Tag, document image.Document) ([]byte, error) {
	if document.Digest.IsZero() {
		return newListConfig, nil
	}
	if document.Manifest.Config.Size > image.MaxConfigSize {
		return nil, failure(registry.KindOverLimit, nil, "what the tag %s names has a configuration of more than %d bytes: remove it", tag.Name, image.MaxConfigSize)
	}
	ctx, cancel := context.WithTimeout(ctx, a.reader.session.options.Timeout)
	defer cancel()
	blob, err := a.reader.Blob(ctx, tag.Repository, document.Manifest.Config)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	return io.ReadAll(blob)
}
