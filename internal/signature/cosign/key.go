// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	sigstore "github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/assay-dev/assay/internal/signature"
)

// verificationKey is a key in the forms in which the libraries want it.
type verificationKey struct {
	fingerprint string
	// plain verifies a signature over a message.
	plain sigstore.Verifier
	// bundles verifies a Sigstore bundle.
	bundles *verify.Verifier
}

func newVerificationKey(key signature.Key) (verificationKey, error) {
	plain, err := algorithmsOf(key.Public)
	if err != nil {
		return verificationKey{}, err
	}
	material := root.NewTrustedPublicKeyMaterial(func(string) (root.TimeConstrainedVerifier, error) {
		return root.NewExpiringKey(plain, time.Time{}, time.Time{}), nil
	})
	bundles, err := verify.NewVerifier(material, verify.WithNoObserverTimestamps())
	if err != nil {
		return verificationKey{}, fmt.Errorf("set up the bundle verifier: %w", err)
	}
	return verificationKey{fingerprint: key.Fingerprint, plain: plain, bundles: bundles}, nil
}

// algorithms are the ways in which cosign signs with one kind of key; a signature must be good in one of them.
type algorithms []sigstore.Verifier

// algorithmsOf returns cosign's older and its present way, which differ for ECDSA on the larger curves (SHA-256, and the hash of the
// curve's size) and for Ed25519 (pure, and pre-hashed). They are told apart by what is hashed, so neither stands in for the other.
func algorithmsOf(public crypto.PublicKey) (algorithms, error) {
	older, err := sigstore.LoadVerifier(public, crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("load the key: %w", err)
	}
	all := algorithms{older}
	// For a size of key that Sigstore's registry of algorithms does not have, there is no present way.
	if present, err := sigstore.LoadDefaultVerifier(public, options.WithED25519ph()); err == nil {
		all = append(all, present)
	}
	return all, nil
}

// PublicKey returns the key itself.
func (a algorithms) PublicKey(opts ...sigstore.PublicKeyOption) (crypto.PublicKey, error) {
	return a[0].PublicKey(opts...)
}

// VerifySignature implements Sigstore's verifier.
func (a algorithms) VerifySignature(sig, message io.Reader, opts ...sigstore.VerifyOption) error {
	s, err := io.ReadAll(sig)
	if err != nil {
		return err
	}
	m, err := io.ReadAll(message)
	if err != nil {
		return err
	}
	for _, algorithm := range a {
		if algorithm.VerifySignature(bytes.NewReader(s), bytes.NewReader(m), opts...) == nil {
			return nil
		}
	}
	return errors.New("not signed by this key")
}
