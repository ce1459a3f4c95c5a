// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package entity verifies what the cosign command signs: Sigstore bundles, and signatures and attestations in the form in which cosign
// attaches them under tags. It says who signed; whether the signer is one who may, and whether what was signed is about the image in
// question, is for the callers to say. It reaches no network: a bundle brings its proofs along, and the anchor is given.
package entity

import (
	"errors"
)

// maxSize bounds an entity in bytes, in any of its forms (CVE-2024-29902).
const maxSize = 64 << 20

// maxSignatures bounds the signatures in one envelope.
const maxSignatures = 16

// statementMediaType is the payload type of an in-toto statement in a DSSE envelope.
const statementMediaType = "application/vnd.in-toto+json"

// errPanicked says that a library panicked on what somebody put into the registry, or into an anchor.
var errPanicked = errors.New("the verifier failed on it")

// Entity is something signed, as it was found. It is parsed, and bounded in size; nothing about it is verified.
type Entity struct {
	// payload of the DSSE envelope, or of the tag-based signature; nil for a signature over an artifact.
	payload []byte
	// payloadType of the DSSE envelope; empty for anything else.
	payloadType string
	// message is what was signed: for an envelope, its pre-authentication encoding. Nil for a signature over an artifact.
	message []byte
	// signatures over the message: one, but for an envelope that several signed.
	signatures [][]byte
}

// Payload is the payload of a DSSE envelope, or of a tag-based signature; nil for a signature over an artifact.
func (e Entity) Payload() []byte { return e.payload }

// IsStatement says that the payload is an in-toto statement by its type in a DSSE envelope.
func (e Entity) IsStatement() bool { return e.payloadType == statementMediaType }

// guard turns a panic into errPanicked: what makes a verifier fall over must not look like a pass, nor end the process
// (CVE-2023-33199, CVE-2026-23831, CVE-2026-44310).
func guard(work func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanicked
		}
	}()
	return work()
}
