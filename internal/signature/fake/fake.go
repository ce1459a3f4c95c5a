// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fake has a finder that answers as it is told and a signer whose key lives in memory, for tests of what
// stands on the ports.
package fake

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"

	"github.com/assay-dev/assay/internal/signature"
)

// Signer signs with a key that is made from a seed.
type Signer struct {
	private *ecdsa.PrivateKey
	key     signature.Key
	// Err, if set, is what Sign fails with.
	Err error
}

var _ signature.Signer = (*Signer)(nil)

// NewSigner makes a key pair (ECDSA P-256); the same seed gives the same pair. It protects nothing.
func NewSigner(seed string) *Signer {
	scalar := sha256.Sum256([]byte(seed))
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		panic(err) // one seed in 2³²
	}
	key, err := signature.NewKey(&private.PublicKey)
	if err != nil {
		panic(err) // a P-256 key is accepted
	}
	return &Signer{private: private, key: key}
}

// Sign implements signature.Signer.
func (s *Signer) Sign(_ context.Context, message []byte) ([]byte, error) {
	if s.Err != nil {
		return nil, s.Err
	}
	sum := sha256.Sum256(message)
	return s.private.Sign(nil, sum[:], crypto.SHA256)
}

// Key implements signature.Signer.
func (s *Signer) Key() signature.Key { return s.key }
