// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity

import (
	"encoding/base64"
	"errors"
	"fmt"
)

// signatureAnnotation of a layer holds the signature over it in base64 (sigstore/cosign, specs/SIGNATURE_SPEC.md).
const signatureAnnotation = "dev.cosignproject.cosign/signature"

// FromTaggedSignature reads a layer of the manifest tagged sha256-<digest>.sig: the payload that was signed, and the annotations with the
// signature and its proofs.
func FromTaggedSignature(payload []byte, annotations map[string]string) (Entity, error) {
	sig, err := base64.StdEncoding.DecodeString(annotations[signatureAnnotation])
	if err != nil || len(sig) == 0 || len(payload) == 0 {
		return Entity{}, errors.New("there is no signature on it")
	}
	return Entity{payload: payload, message: payload, signatures: [][]byte{sig}}, nil
}

// FromTaggedAttestation reads a layer of the manifest tagged sha256-<digest>.att: a DSSE envelope, and the annotations with the
// proofs of its signature.
func FromTaggedAttestation(content []byte, _ map[string]string) (Entity, error) {
	if len(content) > maxSize {
		return Entity{}, fmt.Errorf("an envelope of more than %d bytes", maxSize)
	}
	var e envelope
	if err := decode(content, &e); err != nil {
		return Entity{}, fmt.Errorf("not an envelope: %w", err)
	}
	return e.entity()
}
