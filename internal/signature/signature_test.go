// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package signature_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/assay-dev/assay/internal/signature"
)

func publicPEM(t *testing.T, public crypto.PublicKey) []byte {
	t.Helper()
	pkix, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix})
}

func ecdsaKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

func TestParseKeyTakesTheKindsThatCosignMakes(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for name, public := range map[string]interface{ Equal(crypto.PublicKey) bool }{
		"ECDSA P-256":   &ecdsaKey(t).PublicKey,
		"Ed25519":       edwards,
		"RSA, 2048 bit": &rsaKey.PublicKey,
	} {
		t.Run(name, func(t *testing.T) {
			key, err := signature.ParseKey(append([]byte("# the release key\n"), publicPEM(t, public)...))
			if err != nil {
				t.Fatal(err)
			}
			if !public.Equal(key.Public) {
				t.Error("another key came out")
			}
			if len(key.Fingerprint) != 64 || seen[key.Fingerprint] {
				t.Errorf("fingerprint %q is no SHA-256 of this key alone", key.Fingerprint)
			}
			seen[key.Fingerprint] = true
		})
	}
}

func TestParseKeyRefuses(t *testing.T) {
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := publicPEM(t, &ecdsaKey(t).PublicKey)
	cases := map[string]struct {
		text []byte
		want string
	}{
		"nothing":                        {nil, "type PUBLIC KEY"},
		"no PEM":                         {[]byte("ssh-ed25519 AAAA"), "type PUBLIC KEY"},
		"a private key":                  {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}), "type PUBLIC KEY"},
		"a certificate":                  {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), "type PUBLIC KEY"},
		"a block that is no PKIX key":    {pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}), "not a PKIX key"},
		"two keys in one text":           {append(bytes.Clone(good), publicPEM(t, &ecdsaKey(t).PublicKey)...), "want one key"},
		"a key that cannot sign":         {publicPEM(t, x25519.PublicKey()), "ECDSA, Ed25519 or RSA"},
		"RSA of 1024 bits":               {publicPEM(t, &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}), "1024 bits"},
		"text longer than any key (PEM)": {bytes.Repeat([]byte("-----BEGIN PUBLIC KEY-----\n"), 400_000), "longer than"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := signature.ParseKey(c.text)
			if !errors.Is(err, signature.ErrInvalidKey) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want ErrInvalidKey with %q", err, c.want)
			}
		})
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := signature.ParseKey(text)
		if err != nil {
			if !errors.Is(err, signature.ErrInvalidKey) {
				t.Errorf("error of another kind: %v", err)
			}
			return
		}
		again, err := signature.NewKey(key.Public)
		if err != nil || again.Fingerprint != key.Fingerprint {
			t.Errorf("the key does not keep its fingerprint: %v", err)
		}
	})
}
