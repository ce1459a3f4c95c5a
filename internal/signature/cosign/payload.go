// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign

import (
	"errors"
	"fmt"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
)

const (
	// simpleSigningMediaType is the media type of a tag-based signature's payload (cosign, specs/SIGNATURE_SPEC.md).
	simpleSigningMediaType = "application/vnd.dev.cosign.simplesigning.v1+json"
	// signatureAnnotation of a payload's layer holds the signature in base64.
	signatureAnnotation = "dev.cosignproject.cosign/signature"
	// simpleSigningType is the exact critical.type of a payload. Attestations have no such payload at all.
	simpleSigningType = "cosign container image signature"
)

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
	switch err := decode(payload, &p); {
	case err != nil:
		return fmt.Errorf("its payload is %w", err)
	case p.Critical.Type != simpleSigningType:
		return errors.New("its payload is of another type")
	case p.Critical.Image.Digest != digest.String():
		return errElsewhere
	}
	return nil
}

// claimOfPayload is what the payload of a tag-based signature claims.
func (l *look) claimOfPayload(e entity.Entity) (claim, error) {
	c := claim{predicateType: evidence.SignaturePredicate, manifests: []image.Digest{l.digest}}
	return c, checkPayload(e.Payload(), l.digest)
}
