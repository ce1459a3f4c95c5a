// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package signature is the port to the verifier and the signer. Adaptors stand in signature/cosign.
package signature

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/assay-dev/assay/internal/evidence"
)

// maxKeyLength bounds a public key in PEM form, in bytes. An RSA key of 8192 bits has 1.5 KiB.
const maxKeyLength = 8 << 10

// minRSABits is the smallest RSA modulus that is accepted (NIST SP 800-131A); cosign makes none that is smaller.
const minRSABits = 2048

// ErrInvalidKey says that a public key cannot be used.
var ErrInvalidKey = errors.New("invalid public key")

// Key is a public key that a policy accepts.
type Key struct {
	// Fingerprint is the SHA-256 of the key's PKIX form in lower-case hexadecimal.
	Fingerprint string
	Public      crypto.PublicKey
}

// ParseKey parses one public key in PEM form (PKIX): ECDSA, Ed25519 or RSA. The error wraps ErrInvalidKey and says what to do.
func ParseKey(text []byte) (Key, error) {
	if len(text) > maxKeyLength {
		return Key{}, fmt.Errorf("%w: longer than %d bytes", ErrInvalidKey, maxKeyLength)
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return Key{}, fmt.Errorf("%w: want a PEM block of type PUBLIC KEY, as cosign.pub has", ErrInvalidKey)
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return Key{}, fmt.Errorf("%w: want one key, found more text after it; name each key as an authority of its own", ErrInvalidKey)
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return Key{}, fmt.Errorf("%w: not a PKIX key of a known kind", ErrInvalidKey)
	}
	return NewKey(public)
}

// NewKey returns the key with its fingerprint. The error wraps ErrInvalidKey when the key is of a kind or size that is not accepted.
func NewKey(public crypto.PublicKey) (Key, error) {
	switch p := public.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
	case *rsa.PublicKey:
		if bits := p.N.BitLen(); bits < minRSABits {
			return Key{}, fmt.Errorf("%w: RSA with %d bits, want %d or more", ErrInvalidKey, bits, minRSABits)
		}
	default:
		return Key{}, fmt.Errorf("%w: want ECDSA, Ed25519 or RSA", ErrInvalidKey)
	}
	pkix, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return Key{}, fmt.Errorf("%w: not a key that has a PKIX form", ErrInvalidKey)
	}
	sum := sha256.Sum256(pkix)
	return Key{Fingerprint: hex.EncodeToString(sum[:]), Public: public}, nil
}

// Signer signs with Assay's own key.
type Signer interface {
	// Sign signs the SHA-256 of the message; the signature is ASN.1 (ECDSA). The same message gets the same signature
	// (RFC 6979), so that a seal made again after a crash is the same seal.
	Sign(ctx context.Context, message []byte) ([]byte, error)
	// Key is the public half.
	Key() Key
}

// BundleSigner signs statements for others to verify.
type BundleSigner interface {
	// Bundle signs an in-toto statement and returns it in a DSSE envelope as a Sigstore bundle v0.3.
	Bundle(ctx context.Context, statement []byte) ([]byte, error)
	// Anchor is what such a bundle verifies against, and Own says whether a signer under it is this one.
	Anchor() Anchor
	Own(signer evidence.Signer) bool
}
