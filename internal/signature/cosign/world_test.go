// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	cosignbundle "github.com/sigstore/cosign/v2/pkg/cosign/bundle"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	sigstore "github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/dsse"
	"github.com/sigstore/sigstore/pkg/signature/options"
	"github.com/sigstore/sigstore/pkg/signature/payload"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign"
)

const (
	simpleSigning = "application/vnd.dev.cosign.simplesigning.v1+json"
	bundleV03     = "application/vnd.dev.sigstore.bundle.v0.3+json"
	inToto        = "application/vnd.in-toto+json"
	dsseEnvelope  = "application/vnd.dsse.envelope.v1+json"
	signPredicate = "https://sigstore.dev/cosign/sign/v1"
	slsa          = "https://slsa.dev/provenance/v1"
	spdx          = "https://spdx.dev/Document"
	seal          = "https://slsa.dev/verification_summary/v1"
	inTotoV1      = "https://in-toto.io/Statement/v1"
	hint          = "dev.sigstore.bundle.predicateType"
)

// world is a repository in memory with one image, the way a registry.Reader shows it.
type world struct {
	t         testing.TB
	reference image.Reference
	// layers of the signature tag; without any there is no tag.
	layers []image.Descriptor
	// index makes the signature tag name an index.
	index     bool
	referrers []image.Descriptor
	// platforms of the image, if it is an index, with what is attached to each.
	platforms []image.Digest
	// attestations are the layers of the attestation tags, and others the referrers of other manifests than the image.
	attestations, others map[image.Digest][]image.Descriptor
	documents            map[image.Digest]image.Document
	blobs                map[image.Digest][]byte
	// lost are blobs that cannot be fetched; reading one without an error panics.
	lost map[image.Digest]error
	// then is the error after the list of referrers.
	then error
	// fail is asked before each answer, with what is asked for.
	fail func(request string) error
	// requests that were made, in their order.
	requests []string
}

var _ registry.Reader = (*world)(nil)

func newWorld(t testing.TB) *world {
	t.Helper()
	repository, err := image.ParseRepository("registry.example.com/shop/checkout")
	if err != nil {
		t.Fatal(err)
	}
	return &world{
		t:         t,
		reference: image.Reference{Repository: repository, Digest: image.DigestOf([]byte("an image"))},
		documents: map[image.Digest]image.Document{},
		blobs:     map[image.Digest][]byte{},

		attestations: map[image.Digest][]image.Descriptor{},
		others:       map[image.Digest][]image.Descriptor{},
	}
}

func (w *world) ask(request string) error {
	w.requests = append(w.requests, request)
	if w.fail == nil {
		return nil
	}
	return w.fail(request)
}

func (w *world) Resolve(_ context.Context, tag image.Tag) (image.Document, error) {
	for _, manifest := range append([]image.Digest{w.reference.Digest}, w.platforms...) {
		if tag.Repository == w.reference.Repository && tag.Name == "sha256-"+manifest.Hex()+".att" {
			return w.attested(manifest)
		}
	}
	if err := w.ask("tag"); err != nil {
		return image.Document{}, err
	}
	if tag.Repository != w.reference.Repository || tag.Name != "sha256-"+w.reference.Digest.Hex()+".sig" || w.layers == nil {
		return image.Document{}, registry.NewError(registry.KindNotFound, nil, "no such tag")
	}
	if w.index {
		return image.Document{Index: &image.Index{Manifests: w.layers}}, nil
	}
	return image.Document{Manifest: &image.Manifest{Layers: w.layers}}, nil
}

// attested is what the attestation tag of the manifest names.
func (w *world) attested(manifest image.Digest) (image.Document, error) {
	if err := w.ask("att"); err != nil {
		return image.Document{}, err
	}
	if w.attestations[manifest] == nil {
		return image.Document{}, registry.NewError(registry.KindNotFound, nil, "no such tag")
	}
	return image.Document{Manifest: &image.Manifest{Layers: w.attestations[manifest]}}, nil
}

func (w *world) Document(_ context.Context, reference image.Reference) (image.Document, error) {
	if err := w.ask("document"); err != nil {
		return image.Document{}, err
	}
	document, found := w.documents[reference.Digest]
	if !found {
		return image.Document{}, registry.NewError(registry.KindNotFound, nil, "no such manifest")
	}
	return document, nil
}

func (w *world) Blob(_ context.Context, _ image.Repository, descriptor image.Descriptor) (io.ReadCloser, error) {
	if err := w.ask("blob"); err != nil {
		return nil, err
	}
	if err, lost := w.lost[descriptor.Digest]; lost && err == nil {
		panic("a reader fell over")
	} else if lost {
		return nil, err
	}
	content, found := w.blobs[descriptor.Digest]
	if !found {
		return nil, registry.NewError(registry.KindNotFound, nil, "no such blob")
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

func (w *world) Referrers(_ context.Context, reference image.Reference) ([]image.Descriptor, error) {
	if err := w.ask("referrers"); err != nil {
		return nil, err
	}
	if reference != w.reference {
		return w.others[reference.Digest], nil
	}
	return w.referrers, w.then
}

// put stores a blob.
func (w *world) put(mediaType string, content []byte, annotations map[string]string) image.Descriptor {
	d := image.Descriptor{MediaType: mediaType, Digest: image.DigestOf(content), Size: int64(len(content)), Annotations: annotations}
	w.blobs[d.Digest] = content
	return d
}

// tag adds a tag-based signature.
func (w *world) tag(payload, sig []byte) {
	w.layers = append(w.layers, w.put(simpleSigning, payload, map[string]string{
		"dev.cosignproject.cosign/signature": base64.StdEncoding.EncodeToString(sig),
	}))
}

// refer adds a referrer whose manifest has one layer.
func (w *world) refer(layer image.Descriptor, annotations map[string]string) {
	digest := image.DigestOf(fmt.Appendf(nil, "referrer %d", len(w.documents)))
	w.documents[digest] = image.Document{Digest: digest, Manifest: &image.Manifest{Layers: []image.Descriptor{layer}, Annotations: annotations}}
	w.referrers = append(w.referrers, image.Descriptor{MediaType: "application/vnd.oci.image.manifest.v1+json", Digest: digest, Size: 1})
}

// bundle adds a bundle as a referrer, with the annotations that cosign writes.
func (w *world) bundle(bundle []byte, predicateType string) {
	w.refer(w.put(bundleV03, bundle, nil), map[string]string{"dev.sigstore.bundle.predicateType": predicateType})
}

// envelope adds an attestation under the manifest's tag, annotated with a predicate type.
func (w *world) envelope(manifest image.Digest, envelope []byte, predicateType string) {
	w.attestations[manifest] = append(w.attestations[manifest], w.put(dsseEnvelope, envelope, map[string]string{
		"predicateType": predicateType, "dev.cosignproject.cosign/signature": "",
	}))
}

// bundleOn adds a bundle as a referrer of another manifest than the image.
func (w *world) bundleOn(manifest image.Digest, bundle []byte, predicateType string) {
	w.bundle(bundle, predicateType)
	last := len(w.referrers) - 1
	w.others[manifest] = append(w.others[manifest], w.referrers[last])
	w.referrers = w.referrers[:last]
}

// find runs the finder with the keys as anchors.
func (w *world) find(search signature.Search, signers ...signer) signature.Found {
	w.t.Helper()
	search.Reference, search.Platforms = w.reference, w.platforms
	for _, k := range signers {
		search.Anchors = append(search.Anchors, k.anchor())
	}
	found := cosign.Finder{}.Find(w.t.Context(), w, search)
	for _, anchor := range search.Anchors {
		if _, there := found.Statements[anchor.ID()]; !there {
			w.t.Fatal("an anchor has no entry")
		}
	}
	return found
}

// verify looks for signatures by the one key.
func (w *world) verify(k signer) evidence.Statements {
	w.t.Helper()
	return w.find(signature.Search{}, k).Statements[k.anchor().ID()]
}

// isSigned says that there is exactly one signature, by the key and about the image.
func isSigned(s evidence.Statements, k signature.Key, reference image.Reference) bool {
	return len(s.Signed) == 1 && s.Signed[0].Signer.Key == k.Fingerprint && s.Signed[0].PredicateType == signPredicate &&
		slices.Equal(s.Signed[0].Manifests, []image.Digest{reference.Digest}) && s.Signed[0].Statement == nil && !s.Signed[0].Payload.IsZero()
}

func (w *world) wantSigned(k signer) {
	w.t.Helper()
	if got := w.verify(k); !isSigned(got, k.key, w.reference) {
		w.t.Errorf("got %+v, want one signature by the key", got)
	}
}

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
