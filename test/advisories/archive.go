// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package advisories

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/aquasecurity/trivy-db/pkg/metadata"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/assay-dev/assay/test/images"
)

const (
	databaseFile = "trivy.db"
	metadataFile = "metadata.json"
)

// The media types and the title of the OCI artifact that the database is distributed as.
const (
	layerMediaType  types.MediaType = "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"
	configMediaType types.MediaType = "application/vnd.aquasec.trivy.config.v1+json"
	layerTitle                      = "db.tar.gz"
)

// files are the database and its metadata, by name.
func (db *Database) files(damages []Damage) (map[string][]byte, error) {
	body, err := db.encode()
	if err != nil {
		return nil, err
	}
	meta, err := json.Marshal(metadata.Metadata{
		Version: db.Schema, UpdatedAt: db.UpdatedAt, NextUpdate: db.UpdatedAt.Add(24 * time.Hour),
	})
	if err != nil {
		return nil, fmt.Errorf("write the metadata: %w", err)
	}
	files := map[string][]byte{databaseFile: body, metadataFile: meta}
	for _, damage := range damages {
		damage(files)
	}
	return files, nil
}

// Write writes trivy.db and metadata.json into a folder.
func (db *Database) Write(dir string, damages ...Damage) error {
	files, err := db.files(damages)
	if err != nil {
		return err
	}
	for name, body := range files {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), body, 0o600); err != nil {
			return fmt.Errorf("write the database: %w", err)
		}
	}
	return nil
}

// Archive is the database as db.tar.gz, the form in which it travels.
func (db *Database) Archive(damages ...Damage) ([]byte, error) {
	files, err := db.files(damages)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	zipped := gzip.NewWriter(&buf)
	w := tar.NewWriter(zipped)
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(files))) { // trivy.db comes first, as upstream
		h := &tar.Header{Name: name, Mode: 0o600, Size: int64(len(files[name])), ModTime: db.UpdatedAt}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("archive %s: %w", name, err)
		}
		if _, err := w.Write(files[name]); err != nil {
			return nil, fmt.Errorf("archive %s: %w", name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("end the archive: %w", err)
	}
	if err := zipped.Close(); err != nil {
		return nil, fmt.Errorf("end the archive: %w", err)
	}
	return buf.Bytes(), nil
}

// Push writes an archive to a registry as the usual OCI artifact, and returns its digest. The archive may be anything.
func Push(ctx context.Context, reference string, archive []byte, opts ...images.PushOption) (string, error) {
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), configMediaType)
	artifact, err := mutate.Append(base, mutate.Addendum{
		Layer:       static.NewLayer(archive, layerMediaType),
		Annotations: map[string]string{"org.opencontainers.image.title": layerTitle},
	})
	if err != nil {
		return "", fmt.Errorf("make the artifact: %w", err)
	}
	return images.Push(ctx, reference, artifact, opts...)
}
