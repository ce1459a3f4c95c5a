// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package attestation makes and opens signed statements about images: in-toto statements in DSSE envelopes, kept as Sigstore
// bundles that the cosign command verifies. The seal is one of them.
//
// The command (v2.6.5) verifies them with
//
//	cosign verify-attestation --key cosign.pub --type <predicate type> --insecure-ignore-tlog=true --trusted-root trusted-root.json <repository>@<digest>
//
// where cosign.pub is the seal key's public half and trusted-root.json holds {"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}:
// nothing is logged and no certificate is involved, but without the file cosign fetches Sigstore's public trust root. For an
// SBOM, spdxjson and cyclonedx will do as the type, and vuln for the report of the findings.
package attestation

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/trust"
)

// BundleMediaType is the media type of a Sigstore bundle in version 0.3, the one that cosign writes.
const BundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// The predicate types that Assay attests.
const (
	// PredicateSPDX is an SPDX document in JSON.
	PredicateSPDX = "https://spdx.dev/Document"
	// PredicateCycloneDX is a CycloneDX document in JSON.
	PredicateCycloneDX = "https://cyclonedx.org/bom"
	// PredicateSeal is a SLSA Verification Summary v1.
	PredicateSeal = "https://slsa.dev/verification_summary/v1"
	// PredicateVulnerabilities is the report of the findings in one platform's image in cosign's form (cosign,
	// specs/COSIGN_VULN_ATTESTATION_SPEC.md).
	PredicateVulnerabilities = "https://cosign.sigstore.dev/attestation/vuln/v1"
	// PredicateChronicle says when what is found in an image was first seen.
	PredicateChronicle = "https://assay.dev/chronicle/v1"
)

// PredicateAnnotation of a referrer says what the bundle in it holds. It helps to find it and proves nothing.
const PredicateAnnotation = "dev.sigstore.bundle.predicateType"

// maxBundleSize bounds a bundle in bytes. The SBOM of an image with 10,000 packages has some 20 MiB in base64.
const maxBundleSize = 64 << 20

// ErrInvalid says that an attestation cannot be believed, or speaks of something else. It is never a passing condition.
var ErrInvalid = errors.New("the attestation is not valid")

// Attest signs a statement about the image and returns it as a Sigstore bundle. predicate is a JSON object; its bytes are
// kept as they are, apart from white space around them. The same input and the same key in a Secret give the same bundle.
func Attest(ctx context.Context, signer signature.BundleSigner, about image.Reference, predicateType string, predicate []byte) ([]byte, error) {
	payload, err := encodeStatement(about, predicateType, predicate)
	if err != nil {
		return nil, fmt.Errorf("attest %s: %w", about, err)
	}
	signed, err := signer.Bundle(ctx, payload)
	if err != nil {
		return nil, fmt.Errorf("attest %s: %w", about, err)
	}
	return signed, nil
}

// Renew returns the kept attestation when it is over exactly this predicate and believed, and otherwise a new one by the signer. kept may
// be empty. It is for documents that change, such as reports of findings.
func Renew(ctx context.Context, signer signature.BundleSigner, believed Opener, kept []byte, about image.Reference, predicateType string, predicate []byte) (bundle []byte, renewed bool, err error) {
	attested, err := Open(kept, believed, about.Digest, predicateType)
	if err == nil && bytes.Equal(attested, bytes.TrimSpace(predicate)) {
		return kept, false, nil
	}
	bundle, err = Attest(ctx, signer, about, predicateType, predicate)
	return bundle, err == nil, err
}

// Open returns the predicate of an attestation that Attest made: signed by somebody who is believed, with exactly this predicate type,
// and about exactly this digest. Every error wraps ErrInvalid.
func Open(bundle []byte, believed Opener, about image.Digest, predicateType string) ([]byte, error) {
	payload, err := believed.Statement(bundle)
	if err != nil {
		return nil, err
	}
	return predicateOf(payload, about, predicateType)
}

// Artifact is the bundle as it is attached to the image in a registry, with the annotations that cosign writes, but for the time.
func Artifact(bundle []byte, predicateType string) registry.Artifact {
	return registry.Artifact{
		MediaType: BundleMediaType,
		Content:   bundle,
		Annotations: map[string]string{
			"dev.sigstore.bundle.content": "dsse-envelope",
			PredicateAnnotation:           predicateType,
		},
	}
}

// SignEntry returns the compact signature of a status entry, which trust.Entry.Verify accepts.
func SignEntry(ctx context.Context, signer signature.Signer, entry trust.Entry) (string, error) {
	raw, err := signer.Sign(ctx, entry.Message())
	if err != nil {
		return "", fmt.Errorf("sign the entry for %s in %s: %w", entry.Digest, entry.Namespace, err)
	}
	return base64.StdEncoding.EncodeToString(raw), nil
}
