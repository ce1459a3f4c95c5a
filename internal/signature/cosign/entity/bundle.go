// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity

import (
	"errors"
	"fmt"
)

// FromBundle reads a Sigstore bundle v0.1, v0.2 or v0.3 (sigstore/protobuf-specs, sigstore_bundle.proto).
func FromBundle(content []byte) (Entity, error) {
	if len(content) > maxSize {
		return Entity{}, fmt.Errorf("a bundle of more than %d bytes", maxSize)
	}
	var b struct {
		Envelope *envelope `json:"dsseEnvelope"`
	}
	if err := decode(content, &b); err != nil {
		return Entity{}, fmt.Errorf("not a bundle: %w", err)
	}
	if b.Envelope == nil {
		return Entity{}, errors.New("not a bundle: it has no envelope")
	}
	return b.Envelope.entity()
}
