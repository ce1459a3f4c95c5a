// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	cosignremote "github.com/sigstore/cosign/v2/pkg/cosign/remote"
	"github.com/sigstore/cosign/v2/pkg/oci/mutate"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"
	"github.com/sigstore/cosign/v2/pkg/oci/static"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign"
	testregistry "github.com/assay-dev/assay/test/registry"
)

// plainReader reads from a registry without any of the product's guards.
type plainReader struct{ transport http.RoundTripper }

var _ registry.Reader = plainReader{}

func (r plainReader) options(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithTransport(r.transport)}
}

func failure(err error) error {
	var answer *transport.Error
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound {
		return registry.NewError(registry.KindNotFound, err, "not found")
	}
	return registry.NewError(registry.KindUnavailable, err, "the registry does not answer")
}

func (r plainReader) get(ctx context.Context, reference name.Reference) (image.Document, error) {
	got, err := remote.Get(reference, r.options(ctx)...)
	if err != nil {
		return image.Document{}, failure(err)
	}
	return image.ParseDocument(string(got.MediaType), got.Manifest)
}

func (r plainReader) Resolve(ctx context.Context, tag image.Tag) (image.Document, error) {
	reference, err := name.NewTag(tag.String())
	if err != nil {
		return image.Document{}, err
	}
	return r.get(ctx, reference)
}

func (r plainReader) Document(ctx context.Context, about image.Reference) (image.Document, error) {
	reference, err := name.NewDigest(about.String())
	if err != nil {
		return image.Document{}, err
	}
	return r.get(ctx, reference)
}

func (r plainReader) Blob(ctx context.Context, repository image.Repository, descriptor image.Descriptor) (io.ReadCloser, error) {
	reference, err := name.NewDigest(repository.String() + "@" + descriptor.Digest.String())
	if err != nil {
		return nil, err
	}
	layer, err := remote.Layer(reference, r.options(ctx)...)
	if err != nil {
		return nil, failure(err)
	}
	body, err := layer.Compressed()
	if err != nil {
		return nil, failure(err)
	}
	return body, nil
}

func (r plainReader) Referrers(ctx context.Context, about image.Reference) ([]image.Descriptor, error) {
	reference, err := name.NewDigest(about.String())
	if err != nil {
		return nil, err
	}
	index, err := remote.Referrers(reference, r.options(ctx)...)
	if err != nil {
		return nil, failure(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var descriptors []image.Descriptor
	for _, m := range manifest.Manifests {
		digest, err := image.ParseDigest(m.Digest.String())
		if err != nil {
			return nil, err
		}
		descriptors = append(descriptors, image.Descriptor{MediaType: string(m.MediaType), Digest: digest, Size: m.Size, Annotations: m.Annotations})
	}
	return descriptors, nil
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

func verify(t *testing.T, digest name.Digest, keys ...signature.Key) map[string]evidence.Fact[evidence.Signature] {
	t.Helper()
	return cosign.Verifier{}.Verify(t.Context(), plainReader{http.DefaultTransport}, referenceOf(t, digest), keys)
}

func TestSignaturesOfCosignsLibraryInARegistry(t *testing.T) {
	for registryName, r := range bothKinds(t) {
		for form, sign := range map[string]func(*testing.T, signer, name.Digest){"under the tag": signTag, "as a bundle": signBundle} {
			t.Run(form+", "+registryName, func(t *testing.T) {
				for kind, k := range allKinds(t) {
					digest := pushed(t, r.Host())
					stranger := p256(t)
					sign(t, stranger, digest)
					if fact := verify(t, digest, k.key)[k.key.Fingerprint]; fact.State != evidence.Known || fact.Value.Verified {
						t.Errorf("%s, before it signed: %+v", kind, fact)
					}
					sign(t, k, digest)
					if diff := cmp.Diff(map[string]evidence.Fact[evidence.Signature]{k.key.Fingerprint: verified, stranger.key.Fingerprint: verified},
						verify(t, digest, k.key, stranger.key)); diff != "" {
						t.Errorf("%s (-want +got):\n%s", kind, diff)
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
			fact := verify(t, digest, k.key)[k.key.Fingerprint]
			if fact.State != c.want || fact.Value.Verified {
				t.Errorf("got %+v, want state %d", fact, c.want)
			}
		})
	}
}

// TestNothingButTheRegistryIsAsked: no trust root is fetched and no transparency log is looked up, whatever the signature carries.
func TestNothingButTheRegistryIsAsked(t *testing.T) {
	r := testregistry.New(t)
	k := p256(t)
	digest := pushed(t, r.Host())
	signBundle(t, k, digest)
	watched := &watchedTransport{host: r.Host(), RoundTripper: http.DefaultTransport}
	http.DefaultTransport = watched
	defer func() { http.DefaultTransport = watched.RoundTripper }()

	fact := cosign.Verifier{}.Verify(t.Context(), plainReader{watched}, referenceOf(t, digest), []signature.Key{k.key})[k.key.Fingerprint]
	if fact != verified {
		t.Errorf("got %+v", fact)
	}
	if len(watched.elsewhere) > 0 {
		t.Errorf("also asked: %v", watched.elsewhere)
	}
}

// watchedTransport remembers who was asked beside the registry.
type watchedTransport struct {
	http.RoundTripper
	host      string
	elsewhere []string
}

func (w *watchedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != w.host {
		w.elsewhere = append(w.elsewhere, r.URL.String())
	}
	return w.RoundTripper.RoundTrip(r)
}
