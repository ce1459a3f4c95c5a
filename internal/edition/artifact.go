// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package edition

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// layerFile is the name that the layer has until it is unpacked.
const layerFile = "layer.tar.gz"

// artifactSource is a source in an OCI registry.
type artifactSource struct {
	form   Form
	reader registry.Reader
	tag    image.Tag
}

// FromRegistry returns a source that is an OCI artifact.
func (f Form) FromRegistry(reader registry.Reader, tag image.Tag) Source {
	return artifactSource{form: f, reader: reader, tag: tag}
}

// Latest names the edition by the digest of the artifact's manifest, which it resolves with one request.
func (s artifactSource) Latest(ctx context.Context) (Edition, error) {
	document, err := s.reader.Resolve(ctx, s.tag)
	if err != nil {
		return Edition{}, fmt.Errorf("could not look for the %s %s: %w", s.form.Name, s.tag, err)
	}
	return Edition{ID: document.Digest.String(), fetch: func(ctx context.Context, folder string) error {
		layer, err := s.layerOf(document)
		if err != nil {
			return err
		}
		path := filepath.Join(folder, layerFile)
		if err := s.download(ctx, layer, path); err != nil {
			return err
		}
		if err := s.form.unpack(ctx, path, folder); err != nil {
			return err
		}
		return os.Remove(path)
	}}, nil
}

func (s artifactSource) layerOf(document image.Document) (image.Descriptor, error) {
	if document.Manifest == nil || len(document.Manifest.Layers) != 1 || document.Manifest.Layers[0].MediaType != s.form.MediaType {
		return image.Descriptor{}, s.form.Unusable("the artifact must have one layer of the type %s", s.form.MediaType)
	}
	layer := document.Manifest.Layers[0]
	if layer.Size > s.form.MaxArchive {
		return image.Descriptor{}, s.form.Unusable("the artifact's layer is larger than %d bytes", s.form.MaxArchive)
	}
	return layer, nil
}

// download writes the layer into a file. The registry's reader has compared its digest when it ends.
func (s artifactSource) download(ctx context.Context, layer image.Descriptor, path string) error {
	content, err := s.reader.Blob(ctx, s.tag.Repository, layer)
	if err != nil {
		return s.notPulled(err)
	}
	defer func() { _ = content.Close() }()
	err = s.form.writeBounded(ctx, path, content, layer.Size)
	var unreadable *readError
	if errors.As(err, &unreadable) {
		return s.notPulled(unreadable.cause)
	}
	return err
}

func (s artifactSource) notPulled(err error) error {
	return fmt.Errorf("could not pull the %s %s: %w", s.form.Name, s.tag, err)
}
