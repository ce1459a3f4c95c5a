// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	ftypes "github.com/aquasecurity/trivy/pkg/fanal/types"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/javadb"
	"github.com/assay-dev/assay/internal/inventory/sandbox"
	"github.com/assay-dev/assay/internal/inventory/trivy"
)

// The tests run the real child, which is the test's own program by another name: building assay-index as well would link
// trivy twice.
func TestMain(m *testing.M) {
	javadb.RunIfAsked(os.Args)
	if filepath.Base(os.Args[0]) == "assay-index" {
		if err := trivy.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// newIndexer returns an indexer that leaves nothing behind.
func newIndexer(t testing.TB, options sandbox.Options) inventory.Indexer {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	options.Program = filepath.Join(t.TempDir(), "assay-index")
	if err := os.Symlink(self, options.Program); err != nil {
		t.Fatal(err)
	}
	options.ScratchDir = t.TempDir()
	options.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	t.Cleanup(func() {
		entries, err := os.ReadDir(options.ScratchDir)
		if err != nil || len(entries) > 0 {
			t.Errorf("left in the scratch folder: %v %v", entries, err)
		}
	})
	x, err := sandbox.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Close)
	return x
}

// sourceOf gives an image to an indexer.
func sourceOf(t testing.TB, img v1.Image) inventory.Source {
	t.Helper()
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := img.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	document, err := image.ParseDocument(string(manifest.MediaType), raw)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	return inventory.Source{
		Name:     "registry.example.com/test@" + digest.String(),
		Image:    document.Digest,
		Platform: image.Platform{OS: "linux", Architecture: "amd64"},
		Manifest: *document.Manifest,
		Config:   config,
		OpenLayer: func(_ context.Context, index int) (io.ReadCloser, error) {
			return layers[index].Compressed()
		},
	}
}

func detailOf(t *testing.T, i inventory.Inventory) ftypes.ArtifactDetail {
	t.Helper()
	var detail ftypes.ArtifactDetail
	if err := json.Unmarshal(i.Detail, &detail); err != nil {
		t.Fatal(err)
	}
	return detail
}
