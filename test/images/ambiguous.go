// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"bytes"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
)

// ambiguous is an image whose manifest says more than a manifest should.
type ambiguous struct {
	v1.Image
	raw []byte
}

// IndexAndManifest is one document that is both: the manifest of [PatchedDebian] with a list of manifests, in which stands
// [VulnerableDebian]. What it is depends on who reads it (CVE-2021-41190).
func IndexAndManifest() (v1.Image, error) {
	img, err := PatchedDebian()
	if err != nil {
		return nil, err
	}
	other, err := VulnerableDebian()
	if err != nil {
		return nil, err
	}
	desc, err := partial.Descriptor(other)
	if err != nil {
		return nil, fmt.Errorf("describe the other image: %w", err)
	}
	raw, err := img.RawManifest()
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	doc["manifests"] = []any{desc}
	if raw, err = json.Marshal(doc); err != nil {
		return nil, fmt.Errorf("write the manifest: %w", err)
	}
	return ambiguous{img, raw}, nil
}

func (a ambiguous) RawManifest() ([]byte, error) { return a.raw, nil }
func (a ambiguous) Size() (int64, error)         { return int64(len(a.raw)), nil }
func (a ambiguous) Digest() (v1.Hash, error) {
	h, _, err := v1.SHA256(bytes.NewReader(a.raw))
	return h, err
}
