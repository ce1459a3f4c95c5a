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
