// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/chronicle"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/registry/oci"
	"github.com/assay-dev/assay/internal/signature"
	testregistry "github.com/assay-dev/assay/test/registry"
)

// TestALostDiskIsMadeUpForFromTheEvidenceRepository has an image in a registry that may only be read, and a repository for evidence in
// another one, which answers to Assay's own credentials alone.
func TestALostDiskIsMadeUpForFromTheEvidenceRepository(t *testing.T) {
	for name, test := range map[string]struct {
		options []testregistry.Option
		// emptied says that the status is lost with the disk.
		emptied bool
	}{
		"the disk alone":                               {},
		"the disk and the status":                      {emptied: true},
		"the disk, without the referrers API":          {options: []testregistry.Option{testregistry.WithoutReferrers()}},
		"the disk and the status, without that either": {options: []testregistry.Option{testregistry.WithoutReferrers()}, emptied: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newApartWorld(t, test.options...)
			before := w.settle(dev)
			if trusted(before) != w.index.Digest.String() || !meta.IsStatusConditionTrue(before.Status.Conditions, v1alpha1.SealedCondition) {
				t.Fatalf("trusts %q: %v", trusted(before), conditions(before))
			}
			w.wantEvidence(t)

			w.clock.Step(allowed - time.Hour)
			w.loseDisk(t)
			if test.emptied {
				w.updateStatus(func(s *v1alpha1.TrustedImageStatus) { *s = v1alpha1.TrustedImageStatus{} }, dev)
			}
			after := w.settle(dev)
			if trusted(after) != trusted(before) || after.Status.Trusted.TrustedAt != before.Status.Trusted.TrustedAt || after.Status.Trusted.NotPassingSince != nil {
				t.Fatalf("trusted: %+v, was %+v", after.Status.Trusted, before.Status.Trusted)
			}
			if after.Status.Trusted.SealDigest != before.Status.Trusted.SealDigest {
				t.Errorf("the seal is %s, was %s", after.Status.Trusted.SealDigest, before.Status.Trusted.SealDigest)
			}
			if got := w.found(t, w.index.Digest)[attestation.PredicateSeal]; got != 1 {
				t.Errorf("%d seals are attached", got)
			}

			w.clock.Step(time.Hour + time.Second)
			if ended := w.settle(dev); ended.Status.Trusted.NotPassingSince == nil {
				t.Error("the grace of a finding started again when the disk was lost")
			}
			for _, request := range w.images.Requests() {
				if request.IsPush() {
					t.Errorf("%s %s is asked of the image's registry", request.Method, request.Path)
				}
			}
		})
	}
}

// allowed is the grace of a finding.
const allowed = 72 * time.Hour

// apartWorld is a world with real registries: one that has the image, and one that has the evidence.
type apartWorld struct {
	*world
	signer       signature.Signer
	images, kept *testregistry.Registry
	client       *oci.Client
	account      registry.Credentials
	// index is the image, of two platforms.
	index     image.Reference
	platforms []image.Digest
	// repository has the evidence.
	repository image.Repository
}

func newApartWorld(t *testing.T, options ...testregistry.Option) *apartWorld {
	t.Helper()
	assay := testregistry.Account{User: "assay", Password: "secret", Prefixes: []string{"passports/"}}
	w := &apartWorld{images: testregistry.New(t), kept: testregistry.New(t, append(options, testregistry.WithBasicAuth(assay))...)}
	w.account = registry.Credentials{DockerConfigs: [][]byte{assay.DockerConfig(w.kept.Host())}}
	w.repository = parseRepository(t, w.kept.Host()+"/passports/all")
	w.push(t)

	object, policy := entryImage(), noFixableCriticals()
	object.Spec.Source.Registry.Repository = w.index.Repository.String()
	policy.Spec.Vulnerabilities.Block[0].GracePeriod = &v1alpha1.GracePeriod{Duration: v1alpha1.Duration(allowed.String()), From: v1alpha1.GraceFromFirstSeen}
	w.world = newWorld(t, object, policy)
	for _, platform := range w.platforms {
		w.findings.find(platform, known)
	}
	client, err := oci.New(oci.Options{
		AllowedAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, InsecureHosts: []string{w.images.Host(), w.kept.Host()},
		RequestsPerSecond: 10_000, Now: w.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.client, w.signer = client, w.reconciler.Seals.Signer
	w.loseDisk(t) // which the first controller begins with, too
	return w
}

// push puts the image into its registry, which may only be read from then on.
func (w *apartWorld) push(t *testing.T) {
	t.Helper()
	index := v1.ImageIndex(empty.Index)
	for _, architecture := range []string{"amd64", "arm64"} {
		made, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
			OS: "linux", Architecture: architecture, Config: v1.Config{User: "65532"}, RootFS: v1.RootFS{Type: "layers"},
		})
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: made, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}},
		})
		w.platforms = append(w.platforms, digestOf(t, made))
	}
	w.index = image.Reference{Repository: parseRepository(t, w.images.Host()+"/shop/checkout"), Digest: digestOf(t, index)}
	tag, err := name.NewTag(w.index.Repository.String() + ":1.8")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(tag, index, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	w.images.Script(testregistry.Row{Fault: testregistry.ReadOnly})
	w.images.Forget()
}

func digestOf(t *testing.T, made interface{ Digest() (v1.Hash, error) }) image.Digest {
	t.Helper()
	hash, err := made.Digest()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := image.ParseDigest(hash.String())
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func parseRepository(t *testing.T, text string) image.Repository {
	t.Helper()
	repository, err := image.ParseRepository(text)
	if err != nil {
		t.Fatal(err)
	}
	return repository
}

// loseDisk starts a controller with --evidence-repository on a disk on which there is nothing.
func (w *apartWorld) loseDisk(t *testing.T) {
	t.Helper()
	w.start(w.signer, t.TempDir())
	seen, err := chronicle.Open(t.Context(), t.TempDir(), w.clock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = seen.Close() })
	writer, err := w.client.Writer(w.account)
	if err != nil {
		t.Fatal(err)
	}
	times := timesApart{
		copies: &chronicle.Copies{Chronicle: seen, Signer: w.signer, Repository: w.repository}, reader: w.reader(t), putter: writer,
	}
	r := w.reconciler
	r.Registries, r.Times = w.client, times
	r.Gatherer.Chronicle, r.Gatherer.Times = seen, times
	r.Seals.Attacher, r.Seals.Repository, r.Seals.Reader = registry.AttachIn(w.repository, writer), w.repository, w.reader(t)
}

// reader reads with Assay's own credentials.
func (w *apartWorld) reader(t *testing.T) registry.Reader {
	t.Helper()
	reader, err := w.client.Reader(w.account)
	if err != nil {
		t.Fatal(err)
	}
	return reader
}

// wantEvidence demands that all of it stands in the evidence repository.
func (w *apartWorld) wantEvidence(t *testing.T) {
	t.Helper()
	if diff := cmp.Diff(map[string]int{attestation.PredicateSeal: 1}, w.found(t, w.index.Digest)); diff != "" {
		t.Errorf("attached to the index (-want +got):\n%s", diff)
	}
	for _, platform := range w.platforms {
		want := map[string]int{attestation.PredicateSPDX: 1, attestation.PredicateCycloneDX: 1, attestation.PredicateVulnerabilities: 1}
		if diff := cmp.Diff(want, w.found(t, platform)); diff != "" {
			t.Errorf("attached to a platform's image (-want +got):\n%s", diff)
		}
	}
	tag := image.Tag{Repository: w.repository, Name: "sha256-" + w.index.Digest.Hex() + ".chronicle"}
	bundle, err := registry.ReadTagged(t.Context(), w.reader(t), tag, attestation.BundleMediaType, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := attestation.Open(bundle, attestation.Keys{w.signer.Key()}, w.index.Digest, attestation.PredicateChronicle); err != nil {
		t.Errorf("the copy of the first-seen times: %v", err)
	}
}

// found counts the attestations by Assay that the evidence repository has about a digest, by the types of their predicates.
func (w *apartWorld) found(t *testing.T, about image.Digest) map[string]int {
	t.Helper()
	reader := w.reader(t)
	referrers, err := reader.Referrers(t.Context(), image.Reference{Repository: w.repository, Digest: about})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, referrer := range referrers {
		bundle, err := readSeal(t.Context(), reader, w.repository, referrer)
		if err != nil {
			t.Fatal(err)
		}
		for _, predicateType := range []string{
			attestation.PredicateSeal, attestation.PredicateSPDX, attestation.PredicateCycloneDX, attestation.PredicateVulnerabilities,
		} {
			if _, err := attestation.Open(bundle, attestation.Keys{w.signer.Key()}, about, predicateType); err == nil {
				counts[predicateType]++
			}
		}
	}
	return counts
}

// timesApart keeps copies of first-seen times in the evidence repository, with Assay's own credentials.
type timesApart struct {
	copies *chronicle.Copies
	reader registry.TaggedReader
	putter registry.Putter
}

func (t timesApart) Restore(ctx context.Context, _ registry.TaggedReader, about image.Reference) (map[string]struct{}, error) {
	return t.copies.Restore(ctx, t.reader, about)
}

func (t timesApart) Publish(ctx context.Context, about image.Reference, findings []evidence.Finding) error {
	_, err := t.copies.Publish(ctx, t.putter, about, findings)
	return err
}
