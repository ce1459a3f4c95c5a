// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
	signerfake "github.com/assay-dev/assay/internal/signature/fake"
)

// onlyBy finds signatures by one key on every image, and nobody else's.
type onlyBy struct{ key signature.Key }

func (o onlyBy) Find(_ context.Context, _ registry.Reader, search signature.Search) signature.Found {
	found := signature.Found{Statements: map[string]evidence.Statements{}}
	for _, anchor := range search.Anchors {
		statements := evidence.Statements{Rest: evidence.Checked("1 signature by others")}
		if anchor.Key != nil && anchor.Key.Fingerprint == o.key.Fingerprint {
			statements = evidence.Statements{Rest: evidence.Checked(""), Signed: []evidence.Signed{{
				PredicateType: evidence.SignaturePredicate, Manifests: []image.Digest{search.Reference.Digest},
				Payload: search.Reference.Digest, Attached: signedByCI, Signer: evidence.Signer{Key: anchor.Key.Fingerprint},
			}}}
		}
		found.Statements[anchor.ID()] = statements
	}
	return found
}

// newSigned is a world that trusts an image by the key of ci.
func newSigned(t *testing.T) (w *world, digest image.Digest) {
	t.Helper()
	w = newWorld(t, entryImage(), signedPolicy(t))
	w.reconciler.Gatherer.Finder = onlyBy{signerfake.NewSigner("ci").Key()}
	digest = w.push("1.8", "good")
	if object := w.settle(dev); trusted(object) != digest.String() {
		t.Fatalf("trusted %q, %v", trusted(object), conditions(object))
	}
	return w, digest
}

// replaceKey takes the key of ci out of the policy and puts another in its place.
func (w *world) replaceKey() {
	w.t.Helper()
	public, err := cryptoutils.MarshalPublicKeyToPEM(signerfake.NewSigner("the next key of ci").Key().Public)
	if err != nil {
		w.t.Fatal(err)
	}
	var policy v1alpha1.ClusterImagePolicy
	if err := w.api.Get(w.t.Context(), client.ObjectKey{Name: "signed"}, &policy); err != nil {
		w.t.Fatal(err)
	}
	policy.Spec.Authorities[0].Key.Inline = string(public)
	policy.Generation++
	if err := w.api.Update(w.t.Context(), &policy); err != nil {
		w.t.Fatal(err)
	}
}

// TestCVE_2024_23332_ATrustedDigestIsInGrace: with the key that signed it, a trusted image loses what it rests on as soon as it is judged again: it is in grace, and
// then trusted no more. SEC-32.
func TestCVE_2024_23332_ATrustedDigestIsInGrace(t *testing.T) {
	w, digest := newSigned(t)
	w.replaceKey()
	object := w.settle(dev)
	if trusted(object) != digest.String() || object.Status.Trusted.NotPassingSince == nil || object.Status.Summary.Reason != v1alpha1.ReasonInGrace {
		t.Fatalf("want it to be in grace at once: %+v, %v", object.Status.Trusted, conditions(object))
	}
	if object.Status.Summary.Verdict != v1alpha1.VerdictRejected {
		t.Errorf("the verdict is %s", object.Status.Summary.Verdict)
	}
	w.clock.Step(grace + time.Minute)
	if object = w.settle(dev); trusted(object) != "" {
		t.Error("trust outlived its grace")
	}
}

// TestCVE_2024_23332_AnOlderDigestIsRejected: an image that was well signed with that key, and is offered under the tag again, is refused at
// once. It has no grace, for it was not trusted. SEC-32.
func TestCVE_2024_23332_AnOlderDigestIsRejected(t *testing.T) {
	w, digest := newSigned(t)
	older := w.push("1.8", "older")
	w.replaceKey()
	w.clock.Step(time.Hour)
	object := w.settle(dev)
	if trusted(object) == older.String() || object.Status.Candidate == nil || string(object.Status.Candidate.Digest) != older.String() {
		t.Fatalf("trusted %q, candidate %+v", trusted(object), object.Status.Candidate)
	}
	if object.Status.Trusted == nil || trusted(object) != digest.String() || object.Status.Trusted.NotPassingSince == nil {
		t.Errorf("want the one before to be in grace: %+v", object.Status.Trusted)
	}
	for range 4 {
		w.clock.Step(grace)
		if object = w.settle(dev); trusted(object) == older.String() {
			t.Fatal("it came to be trusted later")
		}
	}
	if object.Status.Summary.Reason != v1alpha1.ReasonSignatureMissing || object.Status.Summary.Verdict != v1alpha1.VerdictRejected {
		t.Errorf("%s, %s, %v", object.Status.Summary.Verdict, object.Status.Summary.Reason, conditions(object))
	}
}
