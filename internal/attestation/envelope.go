// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package attestation

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	strictjson "sigs.k8s.io/json"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature"
)

const (
	// envelopeMediaType is the media type of an attestation under a tag: a DSSE envelope as it is.
	envelopeMediaType = "application/vnd.dsse.envelope.v1+json"
	// tagAnnotation of a layer under a tag, and bundleAnnotation of a referrer, say what the attestation in it holds.
	tagAnnotation    = "predicateType"
	bundleAnnotation = "dev.sigstore.bundle.predicateType"
	// bundlePrefix begins the media types of Sigstore bundles of all versions.
	bundlePrefix = "application/vnd.dev.sigstore.bundle"
	// signPredicate is the predicate type of cosign's signatures.
	signPredicate = "https://sigstore.dev/cosign/sign/v1"
	// statementTypeV01 is the _type of an in-toto Statement v0.1, which the cosign command writes.
	statementTypeV01 = "https://in-toto.io/Statement/v0.1"
)

// maxSignatures and maxSubjects bound what is compared in one attestation.
const (
	maxSignatures = 16
	maxSubjects   = 256
)

var errNoAttestation = errors.New("no attestation")

// openEnvelope reads a DSSE envelope. What others write beside the fields that are known is passed over.
func openEnvelope(content []byte) (envelope, error) {
	var e envelope
	if err := decode(content, &e, strictjson.DisallowDuplicateFields); err != nil {
		return envelope{}, err
	}
	if e.PayloadType != payloadType || len(e.Signatures) > maxSignatures {
		return envelope{}, errNoAttestation
	}
	return e, nil
}

// openAnyBundle reads the DSSE envelope of a Sigstore bundle that others may have made.
func openAnyBundle(content []byte) (envelope, error) {
	var b struct {
		Envelope json.RawMessage `json:"dsseEnvelope"`
	}
	if err := decode(content, &b, strictjson.DisallowDuplicateFields); err != nil {
		return envelope{}, err
	}
	return openEnvelope(b.Envelope)
}

// signers returns the fingerprints of the keys that signed the envelope.
func (e envelope) signers(keys []signature.Key) []string {
	message := preAuthenticationEncoding(e.Payload)
	var fingerprints []string
	for _, key := range keys {
		if slices.ContainsFunc(e.Signatures, func(s envelopeSignature) bool { return key.Signed(message, s.Sig) }) {
			fingerprints = append(fingerprints, key.Fingerprint)
		}
	}
	return fingerprints
}

// claim is what is read of a statement that others made.
type claim struct {
	Type    string `json:"_type"`
	Subject []struct {
		Digest digest `json:"digest"`
	} `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// readClaim reads the statement in an envelope. With an error the claim has a predicate type if that could be read.
func readClaim(e envelope) (claim, error) {
	var c claim
	if err := decode(e.Payload, &c, strictjson.DisallowDuplicateFields); err != nil {
		return c, err
	}
	if c.Type != statementType && c.Type != statementTypeV01 || len(c.Subject) > maxSubjects || !bytes.HasPrefix(c.Predicate, []byte("{")) {
		return c, errNoAttestation
	}
	return c, nil
}

// about returns the manifests that the statement is about. What is said of the image itself, which stands first, holds for all of it.
func (c claim) about(manifests []image.Digest) []image.Digest {
	var named []image.Digest
	for i, manifest := range manifests {
		for _, subject := range c.Subject {
			if subject.Digest.SHA256 != manifest.Hex() {
				continue
			}
			if i == 0 {
				return manifests[:1]
			}
			named = append(named, manifest)
			break
		}
	}
	return named
}
