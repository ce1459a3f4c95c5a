// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"

	"github.com/assay-dev/assay/internal/signature"
)

// privateKeyType is the PEM type of the private keys that cosign writes; olderPrivateKeyType is what it wrote before v1.13.
const (
	privateKeyType      = "ENCRYPTED SIGSTORE PRIVATE KEY"
	olderPrivateKeyType = "ENCRYPTED COSIGN PRIVATE KEY"
)

// maxPrivateKeyLength bounds a private key's file in bytes; cosign's have some 700.
const maxPrivateKeyLength = 16 << 10

// ErrInvalidPrivateKey says that a private key cannot be used. Its text never holds anything of the key.
var ErrInvalidPrivateKey = errors.New("invalid private key")

// Signer implements signature.Signer with a key in memory.
type Signer struct {
	private *ecdsa.PrivateKey
	key     signature.Key
}

var _ signature.Signer = (*Signer)(nil)

// LoadSigner decrypts the private key of a pair that cosign generate-key-pair, or GenerateKeyPair, made: cosign.key and its password.
// The key must be ECDSA on P-256, cosign's default. The error wraps ErrInvalidPrivateKey.
func LoadSigner(privatePEM, password []byte) (*Signer, error) {
	if len(privatePEM) > maxPrivateKeyLength {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrInvalidPrivateKey, maxPrivateKeyLength)
	}
	block, _ := pem.Decode(privatePEM)
	if block == nil || block.Type != privateKeyType && block.Type != olderPrivateKeyType {
		return nil, fmt.Errorf("%w: want a PEM block of type %s, as cosign generate-key-pair writes", ErrInvalidPrivateKey, privateKeyType)
	}
	// Decrypt takes known scrypt parameters only, so that a hostile file cannot make it allocate without bounds.
	pkcs8, err := encrypted.Decrypt(block.Bytes, password)
	if err != nil {
		return nil, fmt.Errorf("%w: cannot be decrypted: check the password", ErrInvalidPrivateKey)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, fmt.Errorf("%w: not in PKCS #8 form", ErrInvalidPrivateKey)
	}
	private, isECDSA := parsed.(*ecdsa.PrivateKey)
	if !isECDSA || private.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%w: want ECDSA on P-256, as cosign generate-key-pair makes", ErrInvalidPrivateKey)
	}
	return newSigner(private)
}

func newSigner(private *ecdsa.PrivateKey) (*Signer, error) {
	key, err := signature.NewKey(&private.PublicKey)
	if err != nil {
		return nil, err
	}
	return &Signer{private: private, key: key}, nil
}

// Sign implements signature.Signer.
func (s *Signer) Sign(_ context.Context, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return s.private.Sign(nil, sum[:], crypto.SHA256) // without a source of randomness it is deterministic
}

// Key implements signature.Signer.
func (s *Signer) Key() signature.Key { return s.key }

// String keeps the private key out of logs.
func (s *Signer) String() string { return "signer with the key " + s.key.Fingerprint }

// GoString keeps the private key out of logs.
func (s *Signer) GoString() string { return s.String() }

// GenerateKeyPair makes a key pair (ECDSA P-256) in the form of cosign's files: cosign.key, encrypted with the password, and cosign.pub.
func GenerateKeyPair(password []byte) (privatePEM, publicPEM []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("generate a key: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the private key: %w", err)
	}
	sealed, err := encrypted.Encrypt(pkcs8, password)
	if err != nil {
		return nil, nil, fmt.Errorf("encrypt the private key: %w", err)
	}
	pkix, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the public key: %w", err)
	}
	privatePEM = pem.EncodeToMemory(&pem.Block{Type: privateKeyType, Bytes: sealed})
	publicPEM = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix})
	return privatePEM, publicPEM, nil
}
