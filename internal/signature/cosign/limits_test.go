// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/registry/oci"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign"
	testregistry "github.com/assay-dev/assay/test/registry"
)

// TestWhatVerifiedBeforeALimitCounts, and what is beyond it is not known.
func TestWhatVerifiedBeforeALimitCounts(t *testing.T) {
	k := p256(t)
	for name, test := range map[string]struct {
		attach        func(*world)
		reason, words string
	}{
		"SEC-27 CVE-2023-46737: 100 attestations under the tag": {func(w *world) {
			for i := range 100 {
				w.envelope(w.reference.Digest, fmt.Append(nil, i), slsa)
			}
		}, v1alpha1.ReasonOverLimit, "more than 64 attestations"},
		"SEC-27 CVE-2023-46737: 1,000 referrers that may hold anything": {func(w *world) {
			for i := range 1000 {
				w.refer(w.put(bundleV03, fmt.Append(nil, i), nil), nil)
			}
		}, v1alpha1.ReasonOverLimit, "more than 64 referrers that may be signatures"},
		"SEC-27: more referrers than are listed": {func(w *world) {
			w.then = registry.NewError(registry.KindOverLimit, nil, "the registry lists more than 1024")
		}, v1alpha1.ReasonOverLimit, "more than 1024"},
		"SEC-28 CVE-2024-29902: an attestation of 2 GiB": {func(w *world) {
			w.refer(image.Descriptor{MediaType: bundleV03, Digest: image.DigestOf([]byte("huge")), Size: 2 << 30}, map[string]string{hint: slsa})
		}, v1alpha1.ReasonOverLimit, "more than 8388608 bytes"},
		"SEC-28 CVE-2024-29903: attestations that are huge together": {func(w *world) {
			for i := range 9 {
				w.refer(image.Descriptor{MediaType: bundleV03, Digest: w.put("", fmt.Append(nil, i), nil).Digest, Size: 8 << 20}, map[string]string{hint: slsa})
			}
		}, v1alpha1.ReasonOverLimit, "more than 67108864 bytes together"},
		"an attestation that cannot be fetched": {func(w *world) {
			gone := w.put(bundleV03, []byte("gone"), nil)
			w.refer(gone, map[string]string{hint: slsa})
			w.lost = map[image.Digest]error{gone.Digest: registry.NewError(registry.KindUnavailable, nil, "answered 500")}
		}, v1alpha1.ReasonRegistryUnavailable, "answered 500"},
		"SEC-35: an attestation that makes the reader panic": {func(w *world) {
			odd := w.put(bundleV03, []byte("odd"), nil)
			w.refer(odd, map[string]string{hint: slsa})
			w.lost = map[image.Digest]error{odd.Digest: nil}
		}, v1alpha1.ReasonSignatureUnchecked, "failed on it"},
		"SEC-35: a panic while the tag of attestations is read": {func(w *world) { w.fail = panicOn("att") }, v1alpha1.ReasonSignatureUnchecked, "failed on it"},
		"the tag of attestations: 500": {func(w *world) {
			w.fail = func(request string) error {
				if request == "att" {
					return registry.NewError(registry.KindUnavailable, nil, "answered 500")
				}
				return nil
			}
		}, v1alpha1.ReasonRegistryUnavailable, "answered 500"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.bundle(k.bundle(about(slsa, w.reference.Digest)), slsa)
			w.referrers[0].Annotations = map[string]string{hint: slsa}
			test.attach(w)
			got := w.find(signature.Search{PredicateTypes: []string{slsa}}, k).Statements[k.anchor().ID()]
			if len(got.Signed) != 1 {
				t.Errorf("%d statements, want the good one", len(got.Signed))
			}
			if got.Rest.State != evidence.CouldNotCheck || got.Rest.Reason != test.reason || !strings.Contains(got.Rest.Message, test.words) {
				t.Errorf("got %+v, want %s, %q", got.Rest, test.reason, test.words)
			}
			if n := len(w.requests); n > 3+64+64 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// TestWhatIsOfNoUseTakesNoRoom: referrers that say that they are something else keep nothing from being known.
func TestWhatIsOfNoUseTakesNoRoom(t *testing.T) {
	k := p256(t)
	w := newWorld(t)
	for range 500 {
		w.bundle([]byte("{}"), seal)
		w.referrers[len(w.referrers)-1].Annotations = map[string]string{hint: seal}
		w.refer(image.Descriptor{MediaType: "application/spdx+json"}, nil)
		w.referrers[len(w.referrers)-1].ArtifactType = "application/spdx+json"
	}
	got := w.find(signature.Search{PredicateTypes: []string{slsa}}, k).Statements[k.anchor().ID()]
	if got.Rest.State != evidence.Known || got.Rest.Value != "" {
		t.Errorf("got %+v", got.Rest)
	}
}

// TestHostileRegistries: a look ends, has an answer that is no pass, and takes little memory, whatever a registry sends.
func TestHostileRegistries(t *testing.T) {
	k := p256(t)
	onBlob := testregistry.Matcher{Kind: testregistry.Blob}
	for about, test := range map[string]struct {
		row    testregistry.Row
		sign   func(*testing.T, signer, name.Digest)
		reason string
	}{
		"SEC-27: referrers without end": {
			testregistry.Row{On: testregistry.Matcher{Kind: testregistry.Referrers}, Fault: testregistry.EndlessReferrers}, signBundle, v1alpha1.ReasonOverLimit,
		},
		"SEC-27: a page of referrers that follows itself": {
			testregistry.Row{On: testregistry.Matcher{Kind: testregistry.Referrers}, Fault: testregistry.ReferrersLoop}, signNothing, v1alpha1.ReasonOverLimit,
		},
		"SEC-28: a list without end": {
			testregistry.Row{On: testregistry.Matcher{Kind: testregistry.ManifestByTag}, Fault: testregistry.EndlessManifest}, signTag, v1alpha1.ReasonOverLimit,
		},
		"SEC-28: a body larger than was said": {testregistry.Row{On: onBlob, Fault: testregistry.WrongContentLength, Offset: 2 << 30}, signTag, v1alpha1.ReasonDigestMismatch},
		"SEC-28: a body without end":          {testregistry.Row{On: onBlob, Fault: testregistry.EndlessManifest}, signTag, v1alpha1.ReasonDigestMismatch},
		"SEC-28: a byte a second":             {testregistry.Row{On: onBlob, Fault: testregistry.SlowBody, Pause: time.Second}, signTag, v1alpha1.ReasonRegistryUnavailable},
	} {
		t.Run(about, func(t *testing.T) {
			r := testregistry.New(t)
			digest := pushed(t, r.Host())
			test.sign(t, k, digest)
			r.Script(test.row)
			reader := readerWith(t, digest.RegistryStr(), oci.Options{StallTimeout: 200 * time.Millisecond, Timeout: 10 * time.Second})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			search := signature.Search{Reference: referenceOf(t, digest), Anchors: []signature.Anchor{k.anchor()}}
			got := cosign.Finder{}.Find(t.Context(), reader, search).Statements[k.anchor().ID()]
			runtime.ReadMemStats(&after)
			if len(got.Signed) > 0 || got.Rest.State != evidence.CouldNotCheck || got.Rest.Reason != test.reason {
				t.Errorf("got %+v, want %s", got, test.reason)
			}
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 64<<20 {
				t.Errorf("it allocated %d bytes", allocated)
			}
			t.Logf("%d requests, %d KiB allocated", len(r.Requests()), (after.TotalAlloc-before.TotalAlloc)>>10)
		})
	}
}

// TestTenThousandSignatures under the tag are not looked at, which is told (SEC-27, CVE-2024-29902).
func TestTenThousandSignatures(t *testing.T) {
	r := testregistry.New(t)
	digest := pushed(t, r.Host())
	signOften(t, r, digest)
	r.Forget()
	got := verify(t, digest, p256(t).key)
	if len(got.Signed) > 0 || got.Rest.State != evidence.CouldNotCheck || got.Rest.Reason != v1alpha1.ReasonOverLimit {
		t.Errorf("got %+v", got)
	}
	if n := r.Count(testregistry.Matcher{Kind: testregistry.Blob}); n > 0 {
		t.Errorf("%d blobs fetched", n)
	}
}

func signNothing(*testing.T, signer, name.Digest) {}

// signOften puts a list of 10,000 signatures under the image's tag.
func signOften(t *testing.T, r *testregistry.Registry, digest name.Digest) {
	t.Helper()
	layer := fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":2,"annotations":{"dev.cosignproject.cosign/signature":"AAAA"}}`, simpleSigning, image.DigestOf([]byte("{}")))
	list := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]}`, image.MediaTypeManifest, layer, strings.TrimSuffix(strings.Repeat(layer+",", 10_000), ","))
	tag := "sha256-" + referenceOf(t, digest).Digest.Hex() + ".sig"
	if err := r.Put(digest.RepositoryStr(), tag, types.OCIManifestSchema1, []byte(list)); err != nil {
		t.Fatal(err)
	}
}
