// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package attestation_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature/fake"
)

func TestABundleComesBackFromItsTaggedForm(t *testing.T) {
	signer, another := fake.NewSigner("seal"), fake.NewSigner("another")
	bundle := signSeal(t, signer, sealOf(t))
	tagged, err := attestation.TaggedArtifact(bundle, attestation.PredicateSeal)
	if err != nil {
		t.Fatal(err)
	}
	if tagged.MediaType != attestation.EnvelopeMediaType || tagged.Annotations["predicateType"] != attestation.PredicateSeal {
		t.Errorf("the layer is %s %v", tagged.MediaType, tagged.Annotations)
	}
	back, err := attestation.FromTagged(tagged.Content, attestation.Keys{another.Key(), signer.Key()})
	if err != nil || !bytes.Equal(back, bundle) {
		t.Errorf("got %s, %v, want %s", back, err, bundle)
	}
	for name, content := range map[string][]byte{
		"by another key":   tagged.Content,
		"two signatures":   bytes.Replace(tagged.Content, []byte(`"signatures":[`), []byte(`"signatures":[{"keyid":"","sig":"eA=="},`), 1),
		"a field twice":    bytes.Replace(tagged.Content, []byte(`{`), []byte(`{"payload":"",`), 1),
		"no JSON":          []byte("no"),
		"another document": []byte(`{}`),
	} {
		t.Run(name, func(t *testing.T) {
			keys := attestation.Keys{signer.Key()}
			if name == "by another key" {
				keys = attestation.Keys{another.Key()}
			}
			if _, err := attestation.FromTagged(content, keys); !errors.Is(err, attestation.ErrInvalid) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := attestation.TaggedArtifact([]byte("no"), attestation.PredicateSeal); !errors.Is(err, attestation.ErrInvalid) {
		t.Errorf("no bundle: %v", err)
	}
}

func TestAnImageIsSignedAsCosignDoes(t *testing.T) {
	signer, about := fake.NewSigner("seal"), reference(t, "registry.example.com/shop/checkout")
	sig, err := attestation.SignImage(t.Context(), signer, about)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := attestation.ImageSignature(about, sig)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"critical":{"identity":{"docker-reference":"registry.example.com/shop/checkout"},"image":{"docker-manifest-digest":"` +
		about.Digest.String() + `"},"type":"cosign container image signature"},"optional":null}`
	if string(signed.Content) != want || signed.MediaType != attestation.PayloadMediaType {
		t.Errorf("signed is %s %s, want %s", signed.MediaType, signed.Content, want)
	}
	layer := func(artifact registry.Artifact) image.Descriptor {
		return image.Descriptor{MediaType: artifact.MediaType, Digest: image.DigestOf(artifact.Content), Annotations: artifact.Annotations}
	}
	other := about
	other.Digest = image.DigestOf([]byte("another image"))
	forged := layer(signed)
	forged.Annotations = map[string]string{"dev.cosignproject.cosign/signature": "eA=="}
	list := []image.Descriptor{{}, forged, layer(signed)}
	if found := attestation.FindImageSignature(list, about, signer.Key()); !bytes.Equal(found, sig) || !attestation.SignedImage(about, sig, signer.Key()) {
		t.Errorf("found %x, want %x", found, sig)
	}
	if attestation.FindImageSignature(list, about, fake.NewSigner("another").Key()) != nil || attestation.FindImageSignature(list, other, signer.Key()) != nil ||
		attestation.FindImageSignature(list[:2], about, signer.Key()) != nil || attestation.SignedImage(other, sig, signer.Key()) {
		t.Error("a signature by another key, of another image, or a forged one is taken for Assay's")
	}
	signer.Err = errors.New("the key is gone")
	if _, err := attestation.SignImage(t.Context(), signer, about); !errors.Is(err, signer.Err) {
		t.Errorf("got %v", err)
	}
}

func TestOnlySignersByKeyHaveOne(t *testing.T) {
	signer := fake.NewSigner("seal")
	if key, ok := attestation.KeyOf(attestation.ByKey(signer)); !ok || key.Key().Fingerprint != signer.Key().Fingerprint {
		t.Error("a signer by a key has none")
	}
	if _, ok := attestation.KeyOf(nil); ok {
		t.Error("nobody has a key")
	}
}

func TestTagsOfAnImage(t *testing.T) {
	about := reference(t, "registry.example.com/shop/checkout")
	for suffix, tag := range map[string]image.Tag{
		".sig": attestation.SignatureTag(about.Repository, about.Digest), ".att": attestation.StatementTag(about.Repository, about.Digest),
	} {
		if want := strings.Replace(about.Digest.String(), ":", "-", 1) + suffix; tag.Name != want || tag.Repository != about.Repository {
			t.Errorf("the tag is %s, want %s", tag, want)
		}
	}
}
