// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// LoadArchive reads the only image of a "docker save" archive, which may be gzipped.
func LoadArchive(path string) (v1.Image, error) {
	img, err := tarball.Image(func() (io.ReadCloser, error) { return openMaybeGzipped(path) }, nil)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	return img, nil
}

// LoadLayout reads the index of an OCI layout.
func LoadLayout(dir string) (v1.ImageIndex, error) {
	idx, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", dir, err)
	}
	return idx, nil
}

// LoadSaved reads the image, an index, from a folder that "cosign save" wrote.
func LoadSaved(dir string) (v1.ImageIndex, error) {
	saved, err := LoadLayout(dir)
	if err != nil {
		return nil, err
	}
	kinds, err := savedKinds(saved)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", dir, err)
	}
	idx, ok := kinds["imageIndex"].(v1.ImageIndex)
	if !ok {
		return nil, fmt.Errorf("load %s: there is no image index in it", dir)
	}
	return idx, nil
}

// LoadRootFS makes an image of one layer from a gzipped tar of a root file system.
func LoadRootFS(path string, platform v1.Platform) (v1.Image, error) {
	layer, err := tarball.LayerFromFile(path, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	return New(Spec{Platform: platform, Layers: []v1.Layer{layer}})
}

// RealTwoPlatforms is an index of two real images: one of a "docker save" archive for linux/amd64, and the linux/amd64 image of
// what "cosign save" left in a folder, relabelled as linux/arm64.
func RealTwoPlatforms(archive, savedDir string) (v1.ImageIndex, error) {
	amd64, err := LoadArchive(archive)
	if err != nil {
		return nil, err
	}
	saved, err := LoadSaved(savedDir)
	if err != nil {
		return nil, err
	}
	other, err := ForPlatform(saved, v1.Platform{OS: "linux", Architecture: "amd64"})
	if err != nil {
		return nil, err
	}
	arm64, err := Relabel(other, v1.Platform{OS: "linux", Architecture: "arm64"})
	if err != nil {
		return nil, err
	}
	return Index(amd64, arm64)
}

// Relabel is the same image for another platform.
func Relabel(img v1.Image, platform v1.Platform) (v1.Image, error) {
	cf, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("relabel: %w", err)
	}
	cf = cf.DeepCopy()
	cf.OS, cf.Architecture, cf.Variant = platform.OS, platform.Architecture, platform.Variant
	return mutate.ConfigFile(img, cf)
}

// ForPlatform is the image of an index for a platform.
func ForPlatform(idx v1.ImageIndex, platform v1.Platform) (v1.Image, error) {
	m, err := idx.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("read the index: %w", err)
	}
	for _, desc := range m.Manifests {
		if desc.Platform != nil && desc.Platform.Satisfies(platform) {
			return idx.Image(desc.Digest)
		}
	}
	return nil, fmt.Errorf("read the index: no image for %s", platform)
}

// maybeGzipped closes the file under the decompression.
type maybeGzipped struct {
	io.Reader
	io.Closer
}

func openMaybeGzipped(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if z, err := gzip.NewReader(f); err == nil {
		return maybeGzipped{z, f}, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		_ = f.Close() // the first error tells more
		return nil, err
	}
	return f, nil
}
