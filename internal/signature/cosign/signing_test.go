// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	cosignbundle "github.com/sigstore/cosign/v2/pkg/cosign/bundle"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	sigstore "github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/dsse"
	"github.com/sigstore/sigstore/pkg/signature/options"
	"github.com/sigstore/sigstore/pkg/signature/payload"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature"
)

// signer signs as cosign does with one kind of key.
type signer struct {
	t testing.TB
	sigstore.SignerVerifier
	key signature.Key
}

// anchor is the key alone.
func (s signer) anchor() signature.Anchor { return signature.Anchor{Key: &s.key} }

func newSigner(t testing.TB, sv sigstore.SignerVerifier, err error) signer {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	public, err := sv.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := signature.NewKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return signer{t, sv, key}
}

func ecdsaPrivate(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// p256 is a signer with cosign's default kind of key.
func p256(t testing.TB) signer {
	t.Helper()
	sv, err := sigstore.LoadSignerVerifier(ecdsaPrivate(t, elliptic.P256()), crypto.SHA256)
	return newSigner(t, sv, err)
}

// allKinds has a signer for each kind of key, and for each way in which cosign came to use it.
func allKinds(t *testing.T) map[string]signer {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	older := func(private crypto.PrivateKey) signer {
		sv, err := sigstore.LoadSignerVerifier(private, crypto.SHA256)
		return newSigner(t, sv, err)
	}
	present := func(private crypto.PrivateKey) signer {
		sv, err := sigstore.LoadDefaultSignerVerifier(private, options.WithED25519ph())
		return newSigner(t, sv, err)
	}
	return map[string]signer{
		"ECDSA P-256":               present(ecdsaPrivate(t, elliptic.P256())),
		"ECDSA P-384 with SHA-256":  older(ecdsaPrivate(t, elliptic.P384())),
		"ECDSA P-384 with SHA-384":  present(ecdsaPrivate(t, elliptic.P384())),
		"ECDSA P-521 with SHA-512":  present(ecdsaPrivate(t, elliptic.P521())),
		"Ed25519":                   older(edwards),
		"Ed25519, pre-hashed":       present(edwards),
		"RSA with 2048 bits":        present(rsaKey),
		"RSA with 2048 bits, older": older(rsaKey),
	}
}

func (s signer) sign(message []byte) []byte {
	s.t.Helper()
	sig, err := s.SignMessage(bytes.NewReader(message))
	if err != nil {
		s.t.Fatal(err)
	}
	return sig
}

// payload is what cosign signs in the tag-based form.
func (s signer) payload(reference image.Reference) []byte {
	s.t.Helper()
	digest, err := name.NewDigest(reference.String())
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := payload.Cosign{Image: digest}.MarshalJSON()
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// statement is what cosign signs in the bundled form, with the fields in their order.
func statement(statementType, predicateType, digest string) string {
	return fmt.Sprintf(`{"_type":%q,"subject":[{"digest":{"sha256":%q}}],"predicateType":%q}`, statementType, digest, predicateType)
}

func signStatement(reference image.Reference) string {
	return statement("https://in-toto.io/Statement/v1", signPredicate, reference.Digest.Hex())
}

// bundle is the statement signed and wrapped by cosign's library.
func (s signer) bundle(statement string) []byte {
	s.t.Helper()
	return s.bundleOfType(inToto, statement)
}

// envelope is the statement signed by cosign's library, as it stands under a tag.
func (s signer) envelope(payloadType, statement string) []byte {
	s.t.Helper()
	envelope, err := dsse.WrapSigner(s, payloadType).SignMessage(bytes.NewReader([]byte(statement)))
	if err != nil {
		s.t.Fatal(err)
	}
	return envelope
}

// envelopeOf is an envelope that a test may change.
func (s signer) envelopeOf(statement string) map[string]any {
	s.t.Helper()
	var envelope map[string]any
	if err := json.Unmarshal(s.envelope(inToto, statement), &envelope); err != nil {
		s.t.Fatal(err)
	}
	return envelope
}

func encode(t testing.TB, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (s signer) bundleOfType(payloadType, statement string) []byte {
	s.t.Helper()
	envelope := s.envelope(payloadType, statement)
	public, err := cryptoutils.MarshalPublicKeyToPEM(s.key.Public)
	if err != nil {
		s.t.Fatal(err)
	}
	made, err := cosignbundle.MakeNewBundle(s.key.Public, nil, []byte(statement), envelope, public, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return made
}

// change replaces a field of a bundle, by its path.
func change(t *testing.T, bundle []byte, value any, path ...string) []byte {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal(bundle, &document); err != nil {
		t.Fatal(err)
	}
	object := document
	for _, field := range path[:len(path)-1] {
		object = object[field].(map[string]any)
	}
	object[path[len(path)-1]] = value
	changed, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}
