// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

const (
	// simpleSigningMediaType is the media type of a tag-based signature's payload (cosign, specs/SIGNATURE_SPEC.md).
	simpleSigningMediaType = "application/vnd.dev.cosign.simplesigning.v1+json"
	// signatureAnnotation of a payload's layer holds the signature in base64.
	signatureAnnotation = "dev.cosignproject.cosign/signature"
	// simpleSigningType is the exact critical.type of a payload. Attestations have no such payload at all.
	simpleSigningType = "cosign container image signature"
)

// tagged looks at the signatures under the digest's tag. The error says why they could not be looked at.
func (s *search) tagged(ctx context.Context) error {
	tag := image.Tag{Repository: s.reference.Repository, Name: "sha256-" + s.reference.Digest.Hex() + ".sig"}
	document, err := s.reader.Resolve(ctx, tag)
	switch {
	case registry.IsKind(err, registry.KindNotFound):
		return nil
	case err != nil:
		return err
	case document.Manifest == nil:
		s.unusable++ // an index is no list of signatures
		return nil
	}
	layers := document.Manifest.Layers
	if len(layers) > maxSignatures {
		s.hinder(tooMany("signatures", s.reference.Digest))
		layers = layers[:maxSignatures]
	}
	for _, layer := range layers {
		if s.done() {
			break
		}
		s.layer(ctx, layer)
	}
	return nil
}

// layer looks at one signature. Whatever is wrong with it, the next one is looked at.
func (s *search) layer(ctx context.Context, layer image.Descriptor) {
	sig, err := base64.StdEncoding.DecodeString(layer.Annotations[signatureAnnotation])
	if err != nil || len(sig) == 0 || layer.MediaType != simpleSigningMediaType {
		s.unusable++
		return
	}
	payload, err := s.fetch(ctx, layer, maxPayloadSize)
	switch {
	case registry.IsKind(err, registry.KindNotFound):
		s.unusable++
	case err != nil:
		s.hinder(err)
	case checkPayload(payload, s.reference.Digest) != nil:
		s.unusable++
	default:
		s.judge(payloadClaim{signature: sig, payload: payload})
	}
}

// payloadClaim is a tag-based signature over a payload that names the digest.
type payloadClaim struct{ signature, payload []byte }

func (c payloadClaim) signedBy(key verificationKey) error {
	return key.plain.VerifySignature(bytes.NewReader(c.signature), bytes.NewReader(c.payload))
}

// simpleSigning is what is read of a payload (Red Hat's container signature format, as cosign fills it).
type simpleSigning struct {
	Critical struct {
		Image struct {
			Digest string `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
}

// checkPayload says why the payload does not say that the digest is signed.
func checkPayload(payload []byte, digest image.Digest) error {
	var p simpleSigning
	if err := decode(payload, &p); err != nil {
		return err
	}
	if p.Critical.Type != simpleSigningType {
		return errors.New("the payload is of another type")
	}
	if p.Critical.Image.Digest != digest.String() {
		return fmt.Errorf("the payload is about another digest than %s", digest)
	}
	return nil
}
