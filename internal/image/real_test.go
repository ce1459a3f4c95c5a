// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/test/shareddata"
)

// Images that nobody here made: an index of one amd64 image and an attestation child, with the signature manifest beside it.
func TestRealImages(t *testing.T) {
	for _, name := range []string{"slsa/v1.7.0", "slsa/v2.0.0"} {
		t.Run(name, func(t *testing.T) {
			folder := shareddata.Require(t, name+"/container_workflow_dispatch")
			digest, err := os.ReadFile(folder + ".digest")
			if err != nil {
				t.Fatal(err)
			}
			index := readDocument(t, folder, string(bytes.TrimSpace(digest)))
			children, err := index.Index.Runnable([]image.Platform{{OS: "linux", Architecture: "amd64"}})
			if err != nil || len(children) != 1 || len(index.Index.Manifests) != 2 {
				t.Fatalf("%d of %d children can run, %v", len(children), len(index.Index.Manifests), err)
			}
			manifest := readDocument(t, folder, children[0].Digest.String()).Manifest
			config, err := image.ParseConfig(readBlob(t, folder, manifest.Config.Digest.String()))
			if err != nil {
				t.Fatal(err)
			}
			if config.Platform.String() != "linux/amd64" || len(config.DiffIDs) != len(manifest.Layers) || config.User != "0" {
				t.Errorf("read %+v for %d layers", config, len(manifest.Layers))
			}
		})
	}
}

func readDocument(t *testing.T, folder, digest string) image.Document {
	t.Helper()
	document, err := image.ParseDocument("", readBlob(t, folder, digest))
	if err != nil {
		t.Fatal(err)
	}
	if document.Digest.String() != digest {
		t.Fatalf("%s has the digest %s", digest, document.Digest)
	}
	return document
}

func readBlob(t *testing.T, folder, digest string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(folder, "blobs", "sha256", digest[len("sha256:"):]))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
