// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"testing"

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
