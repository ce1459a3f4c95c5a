// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package attestation

import (
	"context"
	"encoding/base64"
	"fmt"

	strictjson "sigs.k8s.io/json"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
)

// The tag-based form (cosign, specs/SIGNATURE_SPEC.md): lists of signatures and of attestations under tags that are named after the image.
const (
	// EnvelopeMediaType is the media type of an attestation in a list: a DSSE envelope.
	EnvelopeMediaType = "application/vnd.dsse.envelope.v1+json"
	// PayloadMediaType is the media type of what is signed of an image, which stands in the list in place of the signature.
	PayloadMediaType = "application/vnd.dev.cosign.simplesigning.v1+json"
	// TypeAnnotation of an attestation in a list says what it holds. It helps to find it and proves nothing.
	TypeAnnotation = "predicateType"

	signatureAnnotation = "dev.cosignproject.cosign/signature"
)

// SignatureTag is where the signatures of an image stand in the repository.
func SignatureTag(repository image.Repository, about image.Digest) image.Tag {
	return image.Tag{Repository: repository, Name: "sha256-" + about.Hex() + ".sig"}
}

// StatementTag is where the attestations about an image stand in the repository.
func StatementTag(repository image.Repository, about image.Digest) image.Tag {
	return image.Tag{Repository: repository, Name: "sha256-" + about.Hex() + ".att"}
}

// KeyOf returns the key with which a signer of statements signs; ok is false when it has none of its own, as keyless signers, whose
// bundles have no tag-based form.
func KeyOf(signer signature.BundleSigner) (key signature.Signer, ok bool) {
	byKey, ok := signer.(keySigner)
	return byKey.signer, ok
}

// taggedEnvelope is a DSSE envelope as cosign writes it.
type taggedEnvelope struct {
	PayloadType string                    `json:"payloadType"`
	Payload     []byte                    `json:"payload"`
	Signatures  []taggedEnvelopeSignature `json:"signatures"`
}

type taggedEnvelopeSignature struct {
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"`
}

// TaggedArtifact is an attestation that Attest made with a key as it stands in the list of attestations, with the same signature.
func TaggedArtifact(bundled []byte, predicateType string) (registry.Artifact, error) {
	var b bundle
	if err := decode(bundled, &b); err != nil {
		return registry.Artifact{}, fmt.Errorf("%w: its bundle %w", ErrInvalid, err)
	}
	written := taggedEnvelope{PayloadType: b.Envelope.PayloadType, Payload: b.Envelope.Payload}
	for _, s := range b.Envelope.Signatures {
		written.Signatures = append(written.Signatures, taggedEnvelopeSignature{Sig: s.Sig})
	}
	content, err := encode(written)
	return registry.Artifact{
		MediaType:   EnvelopeMediaType,
		Content:     content,
		Annotations: map[string]string{TypeAnnotation: predicateType, signatureAnnotation: ""},
	}, err
}

// FromTagged turns an attestation in a list back into the bundle that one of the keys made. The error wraps ErrInvalid.
func FromTagged(content []byte, keys Keys) ([]byte, error) {
	var read taggedEnvelope
	if err := decode(content, &read, strictjson.DisallowDuplicateFields); err != nil {
		return nil, fmt.Errorf("%w: its envelope %w", ErrInvalid, err)
	}
	if len(read.Signatures) != 1 {
		return nil, fmt.Errorf("%w: it has %d signatures, want one", ErrInvalid, len(read.Signatures))
	}
	message := preAuthenticationEncoding(read.Payload)
	for _, key := range keys {
		if key.Signed(message, read.Signatures[0].Sig) {
			return encodeBundle(key, read.Payload, read.Signatures[0].Sig)
		}
	}
	return nil, fmt.Errorf("%w: it is not signed by Assay's key", ErrInvalid)
}

// simpleSigning is what is signed of an image (containers/image, docs/containers-signature.5.md), with the fields in cosign's order.
type simpleSigning struct {
	Critical struct {
		Identity struct {
			Reference string `json:"docker-reference"`
		} `json:"identity"`
		Image struct {
			Digest image.Digest `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
	Optional map[string]string `json:"optional"`
}

// imagePayload is what is signed of an image.
func imagePayload(about image.Reference) ([]byte, error) {
	var payload simpleSigning
	payload.Critical.Identity.Reference = about.Repository.String()
	payload.Critical.Image.Digest = about.Digest
	payload.Critical.Type = "cosign container image signature"
	return encode(payload)
}

// SignImage signs an image in tag-based form.
func SignImage(ctx context.Context, key signature.Signer, about image.Reference) ([]byte, error) {
	payload, err := imagePayload(about)
	if err != nil {
		return nil, err
	}
	sig, err := key.Sign(ctx, payload)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", about, err)
	}
	return sig, nil
}

// ImageSignature is a signature that SignImage made as it stands in the list of signatures.
func ImageSignature(about image.Reference, sig []byte) (registry.Artifact, error) {
	payload, err := imagePayload(about)
	return registry.Artifact{
		MediaType:   PayloadMediaType,
		Content:     payload,
		Annotations: map[string]string{signatureAnnotation: base64.StdEncoding.EncodeToString(sig)},
	}, err
}

// FindImageSignature returns the signature of the image by the key in a list of signatures, nil when there is none that SignImage made.
func FindImageSignature(list []image.Descriptor, about image.Reference, key signature.Key) []byte {
	payload, err := imagePayload(about)
	if err != nil {
		return nil
	}
	for _, layer := range list {
		sig, err := base64.StdEncoding.DecodeString(layer.Annotations[signatureAnnotation])
		if err == nil && layer.Digest == image.DigestOf(payload) && key.Signed(payload, sig) {
			return sig
		}
	}
	return nil
}

// SignedImage says that the key signed the image as SignImage does.
func SignedImage(about image.Reference, sig []byte, key signature.Key) bool {
	payload, err := imagePayload(about)
	return err == nil && key.Signed(payload, sig)
}
