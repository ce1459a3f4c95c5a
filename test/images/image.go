// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package images builds images for tests and for the demo: real ones, around the project's own program and from the package
// metadata of real distributions, and hostile ones, each bad in exactly one way. The same builder always makes the same bytes.
//
// Nothing here runs as a container: an image holds what a scanner reads, and nothing else.
package images

import (
	"fmt"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// NonRoot is the user of the images that do not run as root, by number as distroless has it.
const NonRoot = "65532"

// created is the time that every image and file bears.
func created() time.Time { return time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC) }

// Build returns what a builder makes, or ends the test.
func Build[T any](t testing.TB, builder func() (T, error)) T {
	t.Helper()
	built, err := builder()
	if err != nil {
		t.Fatalf("build the test image: %v", err)
	}
	return built
}

// Spec says what an image is to be.
type Spec struct {
	Platform   v1.Platform // linux/amd64 when zero
	User       string      // root when empty
	Entrypoint []string
	Labels     map[string]string
	Layers     []v1.Layer
}

// New makes an OCI image.
func New(s Spec) (v1.Image, error) {
	if s.Platform.OS == "" {
		s.Platform = v1.Platform{OS: "linux", Architecture: "amd64"}
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.ConfigFile(base, &v1.ConfigFile{
		OS: s.Platform.OS, Architecture: s.Platform.Architecture, Variant: s.Platform.Variant,
		Created: v1.Time{Time: created()},
		RootFS:  v1.RootFS{Type: "layers"},
		Config:  v1.Config{User: s.User, Entrypoint: s.Entrypoint, Labels: s.Labels},
	})
	if err != nil {
		return nil, fmt.Errorf("set the configuration: %w", err)
	}
	adds := make([]mutate.Addendum, 0, len(s.Layers))
	for i, layer := range s.Layers {
		history := v1.History{Created: v1.Time{Time: created()}, CreatedBy: fmt.Sprintf("layer %d", i+1)}
		adds = append(adds, mutate.Addendum{Layer: layer, History: history})
	}
	if img, err = mutate.Append(img, adds...); err != nil {
		return nil, fmt.Errorf("append the layers: %w", err)
	}
	return img, nil
}

// fromFiles makes an image of one layer.
func fromFiles(s Spec, files ...File) (v1.Image, error) {
	layer, err := Layer(files...)
	if err != nil {
		return nil, err
	}
	s.Layers = append(s.Layers, layer)
	return New(s)
}
