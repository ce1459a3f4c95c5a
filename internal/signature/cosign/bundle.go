// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

const (
	// signPredicate is the predicate type of a signature. Any other bundle is an attestation, and no signature (CVE-2022-35929).
	signPredicate = "https://sigstore.dev/cosign/sign/v1"
	// statementMediaType is the payload type of such a statement in a DSSE envelope.
	statementMediaType = "application/vnd.in-toto+json"
)

// referring looks at the bundles among the referrers, whatever artifact type they claim. The error says why the referrers
// could not be looked at.
func (s *search) referring(ctx context.Context) error {
	referrers, err := s.reader.Referrers(ctx, s.reference)
	if err != nil && !registry.IsKind(err, registry.KindNotFound) {
		return err
	}
	sortByPromise(referrers)
	if len(referrers) > maxSignatures {
		s.hinder(tooMany("referrers", s.reference.Digest))
		referrers = referrers[:maxSignatures]
	}
	var bundles []image.Descriptor
	for _, referrer := range referrers {
		bundles = append(bundles, s.bundlesOf(ctx, referrer)...)
	}
	sortByPromise(bundles)
	if len(bundles) > maxSignatures {
		s.hinder(tooMany("bundles", s.reference.Digest))
		bundles = bundles[:maxSignatures]
	}
	for _, descriptor := range bundles {
		if s.done() {
			break
		}
		s.bundle(ctx, descriptor)
	}
	return nil
}

// bundlesOf returns the layers of a referrer that are bundles, with the referrer's own hint of what they are.
func (s *search) bundlesOf(ctx context.Context, referrer image.Descriptor) []image.Descriptor {
	document, err := s.reader.Document(ctx, image.Reference{Repository: s.reference.Repository, Digest: referrer.Digest})
	switch {
	case registry.IsKind(err, registry.KindNotFound), registry.IsKind(err, registry.KindUnsupported):
		return nil // gone, or of a kind that no signature is
	case err != nil:
		s.hinder(err)
		return nil
	case document.Manifest == nil:
		return nil
	}
	var bundles []image.Descriptor
	for _, layer := range document.Manifest.Layers {
		if strings.HasPrefix(layer.MediaType, bundleMediaType) {
			layer.Annotations = document.Manifest.Annotations
			bundles = append(bundles, layer)
		}
	}
	return bundles
}

// sortByPromise puts first what says that it is a signature, then what says nothing, then what says that it is something
// else: a big SBOM is fetched only when no signature was found before.
func sortByPromise(descriptors []image.Descriptor) {
	promise := func(d image.Descriptor) int {
		switch d.Annotations[predicateAnnotation] {
		case signPredicate:
			return 0
		case "":
			return 1
		}
		return 2
	}
	slices.SortStableFunc(descriptors, func(a, b image.Descriptor) int { return cmp.Compare(promise(a), promise(b)) })
}

// bundle looks at one bundle. Whatever is wrong with it, the next one is looked at.
func (s *search) bundle(ctx context.Context, descriptor image.Descriptor) {
	hint := descriptor.Annotations[predicateAnnotation]
	if descriptor.Size > maxBundleSize && hint != "" && hint != signPredicate {
		return // too large to look into, and by its own word no signature
	}
	content, err := s.fetch(ctx, descriptor, maxBundleSize)
	switch {
	case registry.IsKind(err, registry.KindNotFound):
		s.unusable++
		return
	case err != nil:
		s.hinder(err)
		return
	}
	var claim bundleClaim
	err = guard(func() (err error) { claim, err = newBundleClaim(content, s.reference.Digest); return err })
	switch {
	case errors.Is(err, errAttestation):
	case errors.Is(err, errPanicked):
		s.hinder(err)
	case err != nil:
		s.unusable++
	default:
		s.judge(claim)
	}
}

// errAttestation says that a bundle holds a statement, but not that the image is signed.
var errAttestation = errors.New("the bundle is an attestation")

// bundleClaim is a bundle whose statement says that the digest is signed.
type bundleClaim struct {
	bundle *bundle.Bundle
	policy verify.PolicyBuilder
}

// signStatement is what is read of the statement in a bundle.
type signStatement struct {
	Type          string `json:"_type"`
	PredicateType string `json:"predicateType"`
	Subject       []struct {
		Digest struct {
			SHA256 string `json:"sha256"`
		} `json:"digest"`
	} `json:"subject"`
}

// newBundleClaim reads a bundle and checks what its statement says, by our own strict reading: Sigstore's ignores the type and
// takes fields in any case.
func newBundleClaim(content []byte, digest image.Digest) (bundleClaim, error) {
	var b bundle.Bundle
	if err := b.UnmarshalJSON(content); err != nil {
		return bundleClaim{}, fmt.Errorf("not a bundle: %w", err)
	}
	envelope := b.GetDsseEnvelope()
	if envelope == nil || envelope.PayloadType != statementMediaType {
		return bundleClaim{}, errors.New("cosign signs images by statements; this is none")
	}
	var statement signStatement
	if err := decode(envelope.Payload, &statement); err != nil {
		return bundleClaim{}, fmt.Errorf("the statement is %w", err)
	}
	switch {
	case statement.PredicateType != signPredicate:
		return bundleClaim{}, errAttestation
	case statement.Type != statementType:
		return bundleClaim{}, errors.New("the statement is of another type")
	case len(statement.Subject) != 1 || statement.Subject[0].Digest.SHA256 != digest.Hex():
		return bundleClaim{}, errors.New("the statement is about something else")
	}
	sum, err := hex.DecodeString(digest.Hex())
	if err != nil {
		return bundleClaim{}, err
	}
	return bundleClaim{bundle: &b, policy: verify.NewPolicy(verify.WithArtifactDigest("sha256", sum), verify.WithKey())}, nil
}

func (c bundleClaim) signedBy(key verificationKey) error {
	_, err := key.bundles.Verify(c.bundle, c.policy)
	return err
}
