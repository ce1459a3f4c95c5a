// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fake has a verifier and a finder that answer as they are told and a signer whose key lives in memory, for tests of what
// stands on the ports.
package fake

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"sync"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
)

// Verifier answers from what was set. A key that nobody set did not sign.
type Verifier struct {
	mu    sync.Mutex
	facts map[fact]evidence.Fact[evidence.Signature]
	calls []image.Reference
}

type fact struct {
	digest      image.Digest
	fingerprint string
}

var _ signature.Verifier = (*Verifier)(nil)

// Set says what Verify answers about the digest and the key.
func (v *Verifier) Set(digest image.Digest, key signature.Key, answer evidence.Fact[evidence.Signature]) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.facts == nil {
		v.facts = map[fact]evidence.Fact[evidence.Signature]{}
	}
	v.facts[fact{digest, key.Fingerprint}] = answer
}

// Calls returns the references that were verified so far.
func (v *Verifier) Calls() []image.Reference {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]image.Reference(nil), v.calls...)
}

// Verify implements signature.Verifier.
func (v *Verifier) Verify(_ context.Context, _ registry.Reader, reference image.Reference, keys []signature.Key) map[string]evidence.Fact[evidence.Signature] {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.calls = append(v.calls, reference)
	answers := make(map[string]evidence.Fact[evidence.Signature], len(keys))
	for _, key := range keys {
		answer, set := v.facts[fact{reference.Digest, key.Fingerprint}]
		if !set {
			answer = evidence.Checked(evidence.Signature{Message: "no signature found"})
		}
		answers[key.Fingerprint] = answer
	}
	return answers
}

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
