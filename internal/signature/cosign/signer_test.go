// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	cosignlib "github.com/sigstore/cosign/v2/pkg/cosign"

	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign"
)

var password = []byte("a password for tests")

func TestASignerSignsSoThatItsKeyVerifies(t *testing.T) {
	private, public, err := cosign.GenerateKeyPair(password)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := cosign.LoadSigner(private, password)
	if err != nil {
		t.Fatal(err)
	}
	key, err := signature.ParseKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if key.Fingerprint != signer.Key().Fingerprint {
		t.Error("the public key is of another pair")
	}
	message := []byte("what is sealed")
	sig, err := signer.Sign(t.Context(), message)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(message)
	if !ecdsa.VerifyASN1(key.Public.(*ecdsa.PublicKey), sum[:], sig) {
		t.Error("the signature does not verify")
	}
	again, err := signer.Sign(t.Context(), message)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(sig, again) {
		t.Error("the same message got another signature")
	}
}

func TestKeyPairsAreCosigns(t *testing.T) {
	t.Run("cosign loads what is generated", func(t *testing.T) {
		private, _, err := cosign.GenerateKeyPair(password)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cosignlib.LoadPrivateKey(private, password, nil); err != nil {
			t.Error(err)
		}
	})
	t.Run("what cosign generates is loaded", func(t *testing.T) {
		pair, err := cosignlib.GenerateKeyPair(func(bool) ([]byte, error) { return password, nil })
		if err != nil {
			t.Fatal(err)
		}
		for name, private := range map[string][]byte{
			"with the present type": pair.PrivateBytes,
			"with the older type":   bytes.ReplaceAll(pair.PrivateBytes, []byte("SIGSTORE"), []byte("COSIGN")),
		} {
			signer, err := cosign.LoadSigner(private, password)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			key, err := signature.ParseKey(pair.PublicBytes)
			if err != nil || key.Fingerprint != signer.Key().Fingerprint {
				t.Errorf("%s: another key came out (%v)", name, err)
			}
		}
	})
	t.Run("an empty password", func(t *testing.T) {
		private, _, err := cosign.GenerateKeyPair(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cosign.LoadSigner(private, []byte{}); err != nil {
			t.Error(err)
		}
	})
}

// encryptedKey is a private key in cosign's form.
func encryptedKey(t *testing.T, private crypto.PrivateKey) []byte {
	t.Helper()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return encryptedText(t, pkcs8)
}

func encryptedText(t *testing.T, text []byte) []byte {
	t.Helper()
	sealed, err := encrypted.Encrypt(text, password)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: sealed})
}

func TestLoadSignerRefuses(t *testing.T) {
	good, public, err := cosign.GenerateKeyPair(password)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	costly := []byte(`{"kdf":{"name":"scrypt","params":{"N":1073741824,"r":8,"p":1},"salt":"AAAA"},"cipher":{"name":"nacl/secretbox","nonce":"AAAA"},"ciphertext":"AAAA"}`)
	cases := map[string]struct {
		private, password []byte
		want              string
	}{
		"nothing":                               {nil, password, "PEM block"},
		"the public half":                       {public, password, "PEM block"},
		"a text longer than any key":            {bytes.Repeat([]byte("x"), 1<<20), password, "longer than"},
		"a wrong password":                      {good, []byte("another"), "check the password"},
		"a block that is not encrypted":         {pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: []byte("{}")}), password, "decrypted"},
		"scrypt parameters that cost a TiB":     {pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: costly}), password, "decrypted"},
		"something encrypted that is no key":    {encryptedText(t, []byte("hello")), password, "PKCS #8"},
		"an RSA key":                            {encryptedKey(t, rsaKey), password, "ECDSA on P-256"},
		"a key on a curve that is not expected": {encryptedKey(t, ecdsaPrivate(t, elliptic.P384())), password, "ECDSA on P-256"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := cosign.LoadSigner(c.private, c.password)
			if !errors.Is(err, cosign.ErrInvalidPrivateKey) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want ErrInvalidPrivateKey with %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), string(password)) {
				t.Error("the error holds the password")
			}
		})
	}
}

// TestASignerPrintsNothingOfItsKey, however it is printed.
func TestASignerPrintsNothingOfItsKey(t *testing.T) {
	private := ecdsaPrivate(t, elliptic.P256())
	signer, err := cosign.LoadSigner(encryptedKey(t, private), password)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := private.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	forms := []string{fmt.Sprintf("%x", raw), private.D.String(), fmt.Sprint(raw)} //nolint:staticcheck // D is what must not be printed.
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		for _, value := range []any{signer, *signer} {
			printed := fmt.Sprintf(verb, value)
			for _, form := range forms {
				if strings.Contains(printed, strings.Trim(form, "[]")) {
					t.Errorf("%s of %T prints the private key", verb, value)
				}
			}
		}
	}
}
