// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package attestation

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/assay-dev/assay/internal/evidence"
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

// ByKey signs statements with a key. The same statement gets the same bundle when the signer gives the same message the same signature.
func ByKey(signer signature.Signer) signature.BundleSigner { return keySigner{signer} }

type keySigner struct{ signer signature.Signer }

// Anchor implements signature.BundleSigner.
func (s keySigner) Anchor() signature.Anchor {
	key := s.signer.Key()
	return signature.Anchor{Key: &key}
}

// Own implements signature.BundleSigner.
func (s keySigner) Own(signer evidence.Signer) bool {
	return signer.Certificate == nil && signer.Key == s.signer.Key().Fingerprint
}

// Bundle implements signature.BundleSigner.
func (s keySigner) Bundle(ctx context.Context, statement []byte) ([]byte, error) {
	sig, err := s.signer.Sign(ctx, preAuthenticationEncoding(statement))
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return encodeBundle(s.signer.Key(), statement, sig)
}

// encodeBundle writes the bundle with a statement and its signature by the key.
func encodeBundle(key signature.Key, statement, sig []byte) ([]byte, error) {
	hint, err := keyHint(key)
	if err != nil {
		return nil, err
	}
	return encode(bundle{
		MediaType:            BundleMediaType,
		VerificationMaterial: verificationMaterial{publicKey{hint}},
		Envelope: envelope{
			Payload:     statement,
			PayloadType: payloadType,
			Signatures:  []envelopeSignature{{sig}},
		},
	})
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
