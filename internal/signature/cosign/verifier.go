// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign

import (
	"context"
	"errors"
	"fmt"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
)

// Verifier implements signature.Verifier. The zero value is ready to use.
type Verifier struct{}

var _ signature.Verifier = Verifier{}

// Verify implements signature.Verifier. The registry is asked once for all keys, and no further than until each of them verified.
func (Verifier) Verify(ctx context.Context, reader registry.Reader, reference image.Reference, keys []signature.Key) map[string]evidence.Fact[evidence.Signature] {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	s := &search{reader: reader, reference: reference, verified: map[string]bool{}, budget: maxTotalSize}
	facts := make(map[string]evidence.Fact[evidence.Signature], len(keys))
	for _, key := range keys {
		if err := s.add(key); err != nil {
			facts[key.Fingerprint] = evidence.Unchecked[evidence.Signature](v1alpha1.ReasonInvalidKey, "the public key cannot be used: want ECDSA, Ed25519 or RSA")
		}
	}
	for _, look := range []func(context.Context) error{s.tagged, s.referring} {
		if s.done() {
			break
		}
		if err := guard(func() error { return look(ctx) }); err != nil {
			s.hinder(err)
		}
	}
	for _, key := range s.keys {
		facts[key.fingerprint] = s.fact(key)
	}
	return facts
}

// search is one look for the signatures of one digest.
type search struct {
	reader    registry.Reader
	reference image.Reference
	keys      []verificationKey

	// verified has the fingerprints of the keys that signed the digest.
	verified map[string]bool
	// strangers counts signatures over the digest by none of the keys; unusable those that are none.
	strangers, unusable int
	// hindrance is the first thing that could not be looked at.
	hindrance error
	// budget is how many bytes may still be read.
	budget int64
}

// keyClaim is a signature that says that it is over the digest.
type keyClaim interface {
	// signedBy returns nil when the key made the signature.
	signedBy(key verificationKey) error
}

func (s *search) add(key signature.Key) error {
	return guard(func() error {
		k, err := newVerificationKey(key)
		if err == nil {
			s.keys = append(s.keys, k)
		}
		return err
	})
}

// done says that there is nothing left to find out.
func (s *search) done() bool {
	for _, key := range s.keys {
		if !s.verified[key.fingerprint] {
			return false
		}
	}
	return true
}

// hinder remembers the first thing that could not be looked at.
func (s *search) hinder(err error) {
	if s.hindrance == nil {
		s.hindrance = err
	}
}

// judge tries every key on the claim. One claim that makes a library panic does not keep the others from being tried.
func (s *search) judge(c keyClaim) {
	byAny := false
	for _, key := range s.keys {
		err := guard(func() error { return c.signedBy(key) })
		switch {
		case err == nil:
			s.verified[key.fingerprint] = true
			byAny = true
		case errors.Is(err, errPanicked):
			s.hinder(err)
		}
	}
	if !byAny {
		s.strangers++
	}
}

// spend takes size from the budget.
func (s *search) spend(size int64) error {
	if s.budget -= size; s.budget < 0 {
		return registry.NewError(registry.KindOverLimit, nil, "the signatures of %s have more than %d bytes together", s.reference.Digest, maxTotalSize)
	}
	return nil
}

func tooMany(what string, digest image.Digest) error {
	return registry.NewError(registry.KindOverLimit, nil, "%s has more than %d %s; only the first were looked at: remove those that nobody needs", digest, maxSignatures, what)
}

func (s *search) fact(key verificationKey) evidence.Fact[evidence.Signature] {
	switch {
	case s.verified[key.fingerprint]:
		return evidence.Checked(evidence.Signature{Verified: true})
	case s.hindrance != nil:
		return evidence.Unchecked[evidence.Signature](reason(s.hindrance), presentable(s.hindrance.Error()))
	}
	return evidence.Checked(evidence.Signature{Message: presentable(s.absence())})
}

// absence tells what was found instead of a signature by the key.
func (s *search) absence() string {
	if s.strangers+s.unusable == 0 {
		return fmt.Sprintf("no signature found: sign it with cosign sign --key <key> %s", s.reference)
	}
	message := "no signature by this key; found "
	if s.strangers > 0 {
		message += counted(s.strangers, "signature") + " by others"
	}
	if s.strangers > 0 && s.unusable > 0 {
		message += " and "
	}
	if s.unusable > 0 {
		message += counted(s.unusable, "unusable signature")
	}
	return message
}
