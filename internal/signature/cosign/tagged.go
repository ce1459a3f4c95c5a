// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign

import (
	"context"
	"errors"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
)

const (
	// envelopeMediaType is the media type of an attestation under a tag: a DSSE envelope as it is.
	envelopeMediaType = "application/vnd.dsse.envelope.v1+json"
	// typeAnnotation of an attestation's layer says what it attests.
	typeAnnotation = "predicateType"
)

var (
	taggedSignature = &form{
		noun: "signature", limit: maxPayloadSize,
		read: entity.FromTaggedSignature, claim: (*look).claimOfPayload,
	}
	taggedAttestation = &form{
		noun: "attestation", limit: maxBundleSize,
		read: entity.FromTaggedAttestation, claim: (*look).claimOfAttestation,
	}
)

var errNoList = errors.New("what its tag names is no list of signatures")

// taggedSignatures lists the signatures under the image's tag.
func (l *look) taggedSignatures(ctx context.Context) []candidate {
	var candidates []candidate
	for _, layer := range l.layers(ctx, l.digest, ".sig") {
		if layer.MediaType != simpleSigningMediaType || layer.Annotations[signatureAnnotation] == "" {
			l.discount(evidence.SignaturePredicate, errors.New("there is no signature on it"))
			continue
		}
		candidates = append(candidates, candidate{
			digest: layer.Digest, size: layer.Size, annotations: layer.Annotations, hint: evidence.SignaturePredicate, form: taggedSignature,
		})
	}
	return candidates
}

// taggedAttestations lists the attestations under the tags of the image and its platforms that may be wanted.
func (l *look) taggedAttestations(ctx context.Context) []candidate {
	if !l.wantsAttestations() {
		return nil
	}
	var candidates []candidate
	for _, manifest := range l.manifests() {
		for _, layer := range l.layers(ctx, manifest, ".att") {
			if hint := layer.Annotations[typeAnnotation]; layer.MediaType == envelopeMediaType && l.promises(hint) {
				candidates = append(candidates, candidate{
					digest: layer.Digest, size: layer.Size, annotations: layer.Annotations, hint: hint, form: taggedAttestation,
				})
			}
		}
	}
	return candidates
}

// layers of what a manifest's tag with the suffix names.
func (l *look) layers(ctx context.Context, manifest image.Digest, suffix string) []image.Descriptor {
	var document image.Document
	err := guard(func() (err error) {
		document, err = l.reader.Resolve(ctx, image.Tag{Repository: l.repository, Name: "sha256-" + manifest.Hex() + suffix})
		return err
	})
	switch {
	case registry.IsKind(err, registry.KindNotFound):
		return nil
	case err != nil:
		l.hinder(err)
		return nil
	case document.Manifest == nil:
		l.discount("", errNoList) // an index
		return nil
	}
	return document.Manifest.Layers
}
