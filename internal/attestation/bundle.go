// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package attestation

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/assay-dev/assay/internal/signature"
)

// payloadType of an in-toto statement in a DSSE envelope.
const payloadType = "application/vnd.in-toto+json"

// bundle is a Sigstore bundle v0.3 (sigstore/protobuf-specs, sigstore_bundle.proto) in JSON: a DSSE envelope that was signed with a
// key and logged nowhere. Base64 is what encoding/json makes of bytes.
type bundle struct {
	MediaType            string               `json:"mediaType"`
	VerificationMaterial verificationMaterial `json:"verificationMaterial"`
	Envelope             envelope             `json:"dsseEnvelope"`
}

// verificationMaterial names the key. The hint helps to find it and proves nothing.
type verificationMaterial struct {
	PublicKey publicKey `json:"publicKey"`
}

type publicKey struct {
	Hint string `json:"hint"`
}

type envelope struct {
	Payload     []byte              `json:"payload"`
	PayloadType string              `json:"payloadType"`
	Signatures  []envelopeSignature `json:"signatures"`
}

type envelopeSignature struct {
	Sig []byte `json:"sig"`
}

// signBundle signs the payload and returns the bundle around it.
func signBundle(ctx context.Context, signer signature.Signer, payload []byte) ([]byte, error) {
	sig, err := signer.Sign(ctx, preAuthenticationEncoding(payload))
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	hint, err := keyHint(signer.Key())
	if err != nil {
		return nil, err
	}
	return encode(bundle{
		MediaType:            BundleMediaType,
		VerificationMaterial: verificationMaterial{publicKey{hint}},
		Envelope: envelope{
			Payload:     payload,
			PayloadType: payloadType,
			Signatures:  []envelopeSignature{{sig}},
		},
	})
}

// openBundle returns the payload of a bundle with exactly one signature, which is by one of the keys.
func openBundle(content []byte, keys []signature.Key) ([]byte, error) {
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
	sum := sha256.Sum256(preAuthenticationEncoding(b.Envelope.Payload))
	for _, key := range keys {
		public, isECDSA := key.Public.(*ecdsa.PublicKey)
		if isECDSA && ecdsa.VerifyASN1(public, sum[:], b.Envelope.Signatures[0].Sig) {
			return b.Envelope.Payload, nil
		}
	}
	return nil, fmt.Errorf("%w: it is not signed by Assay's seal key", ErrInvalid)
}

// preAuthenticationEncoding is what is signed in a DSSE envelope (secure-systems-lab/dsse, protocol.md).
func preAuthenticationEncoding(payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
}

// keyHint is how cosign names a key in a bundle: the SHA-256 of its PKIX form in base64.
func keyHint(key signature.Key) (string, error) {
	sum, err := hex.DecodeString(key.Fingerprint)
	if err != nil {
		return "", fmt.Errorf("the key's fingerprint is not hexadecimal: %w", err)
	}
	return base64.StdEncoding.EncodeToString(sum), nil
}
