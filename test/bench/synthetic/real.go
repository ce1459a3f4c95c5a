// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package synthetic

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	ftypes "github.com/aquasecurity/trivy/pkg/fanal/types"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/sandbox"
	"github.com/assay-dev/assay/test/images"
)

// amd64 is the platform of every image here.
var amd64 = v1.Platform{OS: "linux", Architecture: "amd64"}

// RealImages are the images that are at hand: those of test/images, and those of shared/data where that folder is given.
func RealImages(shared string) ([]v1.Image, error) {
	makers := []func() (v1.Image, error){images.VulnerableDebian, images.PatchedDebian, images.Alpine}
	if shared != "" {
		for _, name := range []string{"alpine-310.tar.gz", "distroless.tar.gz"} {
			makers = append(makers, func() (v1.Image, error) { return images.LoadArchive(filepath.Join(shared, "images", name)) })
		}
		for _, name := range []string{"alpine-minirootfs-3.10.9-x86_64.tar.gz", "alpine-minirootfs-3.11.13-x86_64.tar.gz"} {
			makers = append(makers, func() (v1.Image, error) { return images.LoadRootFS(filepath.Join(shared, "images", name), amd64) })
		}
		for _, name := range []string{"v1.7.0", "v2.0.0"} {
			makers = append(makers, func() (v1.Image, error) {
				index, err := images.LoadSaved(filepath.Join(shared, "slsa", name, "container_workflow_dispatch"))
				if err != nil {
					return nil, err
				}
				return images.ForPlatform(index, amd64)
			})
		}
	}
	var all []v1.Image
	for _, maker := range makers {
		made, err := maker()
		if err != nil {
			return nil, err
		}
		all = append(all, made)
	}
	return all, nil
}

// Index has assay-index find out what is in the images.
func Index(ctx context.Context, program string, all []v1.Image) (details []ftypes.ArtifactDetail, err error) {
	scratch, err := os.MkdirTemp("", "assay-bench-index-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch) //nolint:errcheck // it is temporary
	indexer, err := sandbox.New(sandbox.Options{Program: program, ScratchDir: scratch})
	if err != nil {
		return nil, err
	}
	defer indexer.Close()
	for i, one := range all {
		source, err := sourceOf(one)
		if err != nil {
			return nil, err
		}
		made, err := indexer.Index(ctx, source)
		if err != nil {
			return nil, fmt.Errorf("index real image %d: %w", i, err)
		}
		var detail ftypes.ArtifactDetail
		if err := json.Unmarshal(made.Detail, &detail); err != nil {
			return nil, err
		}
		details = append(details, detail)
	}
	return details, nil
}

func sourceOf(of v1.Image) (inventory.Source, error) {
	raw, err := of.RawManifest()
	if err != nil {
		return inventory.Source{}, err
	}
	mediaType, err := of.MediaType()
	if err != nil {
		return inventory.Source{}, err
	}
	document, err := image.ParseDocument(string(mediaType), raw)
	if err != nil {
		return inventory.Source{}, err
	}
	config, err := of.RawConfigFile()
	if err != nil {
		return inventory.Source{}, err
	}
	layers, err := of.Layers()
	if err != nil {
		return inventory.Source{}, err
	}
	return inventory.Source{
		Name: "bench", Image: document.Digest, Platform: image.Platform{OS: amd64.OS, Architecture: amd64.Architecture},
		Manifest: *document.Manifest, Config: config,
		OpenLayer: func(_ context.Context, index int) (io.ReadCloser, error) { return layers[index].Compressed() },
	}, nil
}
