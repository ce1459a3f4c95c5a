// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Index makes an OCI index of images, each for the platform in its configuration.
func Index(images ...v1.Image) (v1.ImageIndex, error) {
	idx := emptyIndex()
	for _, img := range images {
		cf, err := img.ConfigFile()
		if err != nil {
			return nil, fmt.Errorf("read the platform: %w", err)
		}
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{
			Add:        img,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: cf.OS, Architecture: cf.Architecture, Variant: cf.Variant}},
		})
	}
	return idx, nil
}

func emptyIndex() v1.ImageIndex { return mutate.IndexMediaType(empty.Index, types.OCIImageIndex) }

// TwoPlatforms has [PatchedDebian] for linux/amd64 and [VulnerableDebianARM] for linux/arm64: who looks at one platform only
// can miss what is wrong.
func TwoPlatforms() (v1.ImageIndex, error) {
	amd64, err := PatchedDebian()
	if err != nil {
		return nil, err
	}
	arm64, err := VulnerableDebianARM()
	if err != nil {
		return nil, err
	}
	return Index(amd64, arm64)
}

// WithAttestation is an index as buildx writes it: the image and, for the platform unknown/unknown, an attestation about it.
func WithAttestation(img v1.Image) (v1.ImageIndex, error) {
	idx, err := Index(img)
	if err != nil {
		return nil, err
	}
	return appendAttestation(idx, img)
}

// NoRunnablePlatform is an index of an attestation and of nothing that runs.
func NoRunnablePlatform() (v1.ImageIndex, error) {
	img, err := PatchedDebian()
	if err != nil {
		return nil, err
	}
	return appendAttestation(emptyIndex(), img)
}

// Nested wraps an index of [PatchedDebian] into depth more indexes.
func Nested(depth int) (v1.ImageIndex, error) {
	img, err := PatchedDebian()
	if err != nil {
		return nil, err
	}
	idx, err := Index(img)
	if err != nil {
		return nil, err
	}
	for range depth {
		idx = mutate.AppendManifests(emptyIndex(), mutate.IndexAddendum{Add: idx})
	}
	return idx, nil
}

func appendAttestation(idx v1.ImageIndex, about v1.Image) (v1.ImageIndex, error) {
	subject, err := partial.Descriptor(about)
	if err != nil {
		return nil, fmt.Errorf("describe the subject: %w", err)
	}
	statement := fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://slsa.dev/provenance/v0.2",`+
		`"subject":[{"name":"test","digest":{"sha256":%q}}],"predicate":{}}`, subject.Digest.Hex)
	attestation, err := New(Spec{
		Platform: v1.Platform{OS: "unknown", Architecture: "unknown"},
		Layers:   []v1.Layer{static.NewLayer([]byte(statement), "application/vnd.in-toto+json")},
	})
	if err != nil {
		return nil, err
	}
	return mutate.AppendManifests(idx, mutate.IndexAddendum{
		Add: attestation,
		Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"},
			Annotations: map[string]string{
				"vnd.docker.reference.type":   "attestation-manifest",
				"vnd.docker.reference.digest": subject.Digest.String(),
			},
		},
	}), nil
}
