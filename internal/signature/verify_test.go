// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package signature_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"testing"

	sigstore "github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/assay-dev/assay/internal/signature"
)

// TestSigned holds against what cosign's library makes of each kind of key, in its older and its present way.
func TestSigned(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]crypto.Signer{"RSA": rsaKey, "Ed25519": edwards}
	for _, curve := range []elliptic.Curve{elliptic.P224(), elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		private, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[curve.Params().Name] = private
	}
	message := []byte("what is signed")
	for kind, private := range keys {
		older, err := sigstore.LoadSigner(private, crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		signers := map[string]sigstore.Signer{"older": older}
		if present, err := sigstore.LoadDefaultSigner(private, options.WithED25519ph()); err == nil {
			signers["present"] = present
		} else if kind != "P-224" {
			t.Fatal(err)
		}
		if kind == "RSA" {
			if signers["in-toto's"], err = sigstore.LoadRSAPSSSigner(rsaKey, crypto.SHA256, nil); err != nil {
				t.Fatal(err)
			}
		}
		for way, signer := range signers {
			sig, err := signer.SignMessage(bytes.NewReader(message))
			if err != nil {
				t.Fatal(err)
			}
			for otherKind, other := range keys {
				key, err := signature.NewKey(other.Public())
				if err != nil {
					t.Fatal(err)
				}
				if got, want := key.Signed(message, sig), kind == otherKind; got != want {
					t.Errorf("signed by %s (%s): the key %s says %v", kind, way, otherKind, got)
				}
				if key.Signed([]byte("something else"), sig) || key.Signed(message, nil) || key.Signed(message, sig[:len(sig)-1]) {
					t.Errorf("the key %s accepts what %s (%s) did not sign", otherKind, kind, way)
				}
			}
		}
	}
	if (signature.Key{}).Signed(message, nil) {
		t.Error("no key signed nothing")
	}
}

// TestSignedTakesTheTwoNumbers of a signature on P-256 one after the other, and nothing else of that length.
func TestSignedTakesTheTwoNumbers(t *testing.T) {
	private := ecdsaKey(t)
	key, err := signature.NewKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("what is signed")
	sum := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, private, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	raw := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	if !key.Signed(message, raw) {
		t.Error("refused what the key signed")
	}
	swapped := append(bytes.Clone(raw[32:]), raw[:32]...)
	for name, sig := range map[string][]byte{"nothing but zeros": make([]byte, 64), "swapped": swapped, "too short": raw[:63], "too long": append(raw[:64:64], 0)} {
		if key.Signed(message, sig) {
			t.Errorf("accepts a signature that is %s", name)
		}
	}
	if key.Signed([]byte("something else"), raw) {
		t.Error("accepts what the key did not sign")
	}
	other, err := signature.NewKey(&ecdsaKey(t).PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if other.Signed(message, raw) {
		t.Error("another key signed it")
	}
}
