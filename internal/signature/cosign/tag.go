// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign

import (
	"bytes"
	"context"
	"encoding/base64"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
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
