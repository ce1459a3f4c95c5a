// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign_test

import (
	"encoding/base64"
	"net/netip"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	cosignremote "github.com/sigstore/cosign/v2/pkg/cosign/remote"
	"github.com/sigstore/cosign/v2/pkg/oci/mutate"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"
	"github.com/sigstore/cosign/v2/pkg/oci/static"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/registry/oci"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign"
	testregistry "github.com/assay-dev/assay/test/registry"
)

// readerOf reads from one registry on this host and from nowhere else.
func readerOf(t *testing.T, host string) registry.Reader {
	t.Helper()
	return readerWith(t, host, oci.Options{})
}

func readerWith(t *testing.T, host string, options oci.Options) registry.Reader {
	t.Helper()
	options.AllowedAddresses = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	options.InsecureHosts = []string{host}
	options.RequestsPerSecond = 10_000
	client, err := oci.New(options)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := client.Reader(registry.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	return reader
}

// pushed is an image in a registry.
func pushed(t *testing.T, host string) name.Digest {
	t.Helper()
	made, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	repository, err := name.NewRepository(host + "/shop/checkout")
	if err != nil {
		t.Fatal(err)
	}
	hash, err := made.Digest()
	if err != nil {
		t.Fatal(err)
	}
	digest := repository.Digest(hash.String())
	if err := remote.Write(digest, made, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	return digest
}

func referenceOf(t *testing.T, digest name.Digest) image.Reference {
	t.Helper()
	reference, err := image.ParseReference(digest.String())
	if err != nil {
		t.Fatal(err)
	}
	return reference
}

// signTag signs in the tag-based form with cosign's library.
func signTag(t *testing.T, k signer, digest name.Digest) {
	t.Helper()
	message := k.payload(referenceOf(t, digest))
	sig, err := static.NewSignature(message, base64.StdEncoding.EncodeToString(k.sign(message)))
	if err != nil {
		t.Fatal(err)
	}
	entity, err := mutate.AttachSignatureToEntity(ociremote.SignedUnknown(digest), sig, mutate.WithDupeDetector(cosignremote.NewDupeDetector(k)))
	if err != nil {
		t.Fatal(err)
	}
	if err := ociremote.WriteSignatures(digest.Repository, entity); err != nil {
		t.Fatal(err)
	}
}

// signBundle signs in the bundled form with cosign's library.
func signBundle(t *testing.T, k signer, digest name.Digest) {
	t.Helper()
	made := k.bundle(signStatement(referenceOf(t, digest)))
	if err := ociremote.WriteAttestationNewBundleFormat(digest, made, signPredicate); err != nil {
		t.Fatal(err)
	}
}

// bothKinds of registries: with the referrers API, and without it, where the fallback tag stands in.
func bothKinds(t *testing.T) map[string]*testregistry.Registry {
	t.Helper()
	return map[string]*testregistry.Registry{
		"with the referrers API":    testregistry.New(t),
		"without the referrers API": testregistry.New(t, testregistry.WithoutReferrers()),
	}
}

func find(t *testing.T, digest name.Digest, search signature.Search) signature.Found {
	t.Helper()
	search.Reference = referenceOf(t, digest)
	return cosign.Finder{}.Find(t.Context(), readerOf(t, digest.RegistryStr()), search)
}

// verify looks for signatures by the one key.
func verify(t *testing.T, digest name.Digest, key signature.Key) evidence.Statements {
	t.Helper()
	anchor := signature.Anchor{Key: &key}
	return find(t, digest, signature.Search{Anchors: []signature.Anchor{anchor}}).Statements[anchor.ID()]
}

func wantSigned(t *testing.T, digest name.Digest, key signature.Key) {
	t.Helper()
	if got := verify(t, digest, key); !isSigned(got, key, referenceOf(t, digest)) {
		t.Errorf("got %+v, want one signature by the key", got)
	}
}

func TestSignaturesOfCosignsLibraryInARegistry(t *testing.T) {
	for registryName, r := range bothKinds(t) {
		for form, sign := range map[string]func(*testing.T, signer, name.Digest){"under the tag": signTag, "as a bundle": signBundle} {
			t.Run(form+", "+registryName, func(t *testing.T) {
				for kind, k := range allKinds(t) {
					digest := pushed(t, r.Host())
					stranger := p256(t)
					sign(t, stranger, digest)
					if got := verify(t, digest, k.key); got.Rest != evidence.Checked("1 signature by others") || len(got.Signed) > 0 {
						t.Errorf("%s, before it signed: %+v", kind, got)
					}
					sign(t, k, digest)
					found := find(t, digest, signature.Search{Anchors: []signature.Anchor{k.anchor(), stranger.anchor()}})
					for _, by := range []signer{k, stranger} {
						if got := found.Statements[by.anchor().ID()]; !isSigned(got, by.key, referenceOf(t, digest)) {
							t.Errorf("%s: %+v", kind, got)
						}
					}
				}
			})
		}
	}
}

// TestWhatTheRegistryAnswers: an error of the registry is not the absence of a signature.
func TestWhatTheRegistryAnswers(t *testing.T) {
	k := p256(t)
	cases := map[string]struct {
		fault testregistry.Fault
		want  evidence.State
	}{
		"404 for the signature tag": {testregistry.NotFound, evidence.Known},
		"500 for the signature tag": {testregistry.InternalError, evidence.CouldNotCheck},
		"503 for the signature tag": {testregistry.Unavailable, evidence.CouldNotCheck},
		"a connection that breaks":  {testregistry.ResetAtByte, evidence.CouldNotCheck},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := testregistry.New(t)
			digest := pushed(t, r.Host())
			signTag(t, k, digest)
			r.Script(testregistry.Row{On: testregistry.Matcher{Kind: testregistry.ManifestByTag}, Fault: c.fault})
			if got := verify(t, digest, k.key); got.Rest.State != c.want || len(got.Signed) > 0 {
				t.Errorf("got %+v, want state %d", got, c.want)
			}
		})
	}
}
