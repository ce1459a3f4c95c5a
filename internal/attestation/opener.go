// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package attestation

import (
	"fmt"
	"slices"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/signature"
)

// Opener opens bundles that Assay itself signed.
type Opener interface {
	// Statement returns the statement in the bundle when it is signed by somebody whom the opener believes. Every error wraps ErrInvalid.
	Statement(bundle []byte) ([]byte, error)
}

// Keys open bundles that one of them signed, as ByKey makes them. While a key is rotated, a new and an old one stand beside each other.
type Keys []signature.Key

// Statement implements Opener.
func (k Keys) Statement(content []byte) ([]byte, error) {
	if len(content) > maxBundleSize {
		return nil, fmt.Errorf("%w: it is larger than %d bytes", ErrInvalid, maxBundleSize)
	}
	var b bundle
	if err := decode(content, &b); err != nil {
		return nil, fmt.Errorf("%w: its bundle %w", ErrInvalid, err)
	}
	switch {
	case b.MediaType != BundleMediaType:
		return nil, fmt.Errorf("%w: it is of type %.80q, want %q", ErrInvalid, b.MediaType, BundleMediaType)
	case b.Envelope.PayloadType != payloadType:
		return nil, fmt.Errorf("%w: its payload is of type %.80q, want %q", ErrInvalid, b.Envelope.PayloadType, payloadType)
	case len(b.Envelope.Signatures) != 1:
		return nil, fmt.Errorf("%w: it has %d signatures, want one", ErrInvalid, len(b.Envelope.Signatures))
	}
	message := preAuthenticationEncoding(b.Envelope.Payload)
	for _, key := range k {
		if key.Signed(message, b.Envelope.Signatures[0].Sig) {
			return b.Envelope.Payload, nil
		}
	}
	return nil, fmt.Errorf("%w: it is not signed by Assay's seal key", ErrInvalid)
}

// Check verifies a bundle against the anchor of a signer, and returns the statement in it and who signed it.
type Check func(bundle []byte) (statement []byte, signers []evidence.Signer, err error)

// Certified opens bundles of a signer without a key of its own: those that are good by the check and whose signer is this one.
func Certified(signer signature.BundleSigner, check Check) Opener { return certified{signer, check} }

type certified struct {
	signer signature.BundleSigner
	check  Check
}

// Statement implements Opener.
func (c certified) Statement(content []byte) ([]byte, error) {
	if len(content) > maxBundleSize {
		return nil, fmt.Errorf("%w: it is larger than %d bytes", ErrInvalid, maxBundleSize)
	}
	statement, signers, err := c.check(content)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if !slices.ContainsFunc(signers, c.signer.Own) {
		return nil, fmt.Errorf("%w: it is signed by somebody else", ErrInvalid)
	}
	return statement, nil
}
