// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"slices"
	"testing"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature"
	signerfake "github.com/assay-dev/assay/internal/signature/fake"
)

func TestANewSealKeySealsWhatIsTrustedNow(t *testing.T) {
	for name, test := range map[string]struct {
		retired bool
		folder  func(t *testing.T, before string) string
	}{
		"on the same disk": {true, func(_ *testing.T, before string) string { return before }},
		"on a fresh disk":  {true, func(t *testing.T, _ string) string { return t.TempDir() }},
	} {
		t.Run(name, func(t *testing.T) {
			w, folder := newWorld(t, entryImage(), noFixableCriticals()), t.TempDir()
			old, next := signerfake.NewSigner("seal"), signerfake.NewSigner("the next seal")
			w.start(old, folder)
			digest := w.push("1.8", "good")
			before := w.settle(dev).Status.Trusted

			w.start(next, test.folder(t, folder))
			w.reconciler.Seals.Retired = []signature.Key{old.Key()}
			after := w.settle(dev)
			if trusted(after) != digest.String() || after.Status.Trusted.TrustedAt != before.TrustedAt {
				t.Fatalf("trusts %q since %v", trusted(after), after.Status.Trusted)
			}
			if after.Status.Trusted.SealDigest == before.SealDigest {
				t.Error("the seal is still the old one")
			}
			w.start(next, t.TempDir()) // the old key is gone for good
			if entries, forged := w.reconciler.Seals.verified(t.Context(), dev, recorded(&after.Status)); len(entries) != 1 || forged != 0 {
				t.Error("the entry does not bear the new key's signature")
			}
			w.reconciler.Seals.Retired = nil
			if found, err := w.reconciler.Seals.find(t.Context(), w.registry, dev, image.Reference{Repository: reference(t, after), Digest: digest}); err != nil || found == nil {
				t.Errorf("the new seal is not attached: %v, %v", found, err)
			}
		})
	}
}

func TestWithoutTheRetiredKeyANewOneEndsAllTrust(t *testing.T) {
	w, folder := newWorld(t, entryImage(), noFixableCriticals()), t.TempDir()
	w.start(signerfake.NewSigner("seal"), folder)
	w.push("1.8", "good")
	status := w.settle(dev).Status
	w.start(signerfake.NewSigner("the next seal"), folder)
	if entries, forged := w.reconciler.Seals.verified(t.Context(), dev, recorded(&status)); len(entries) != 0 || forged != 1 {
		t.Errorf("%d entries by a key that nobody knows count, %d are forged", len(entries), forged)
	}
}

// One signature of the image is enough for all environments, and a lost disk makes no second one.
func TestATrustedImageIsSignedOnce(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	digest := w.push("1.8", "good")
	object := w.settle(dev)
	about := image.Reference{Repository: reference(t, object), Digest: digest}
	signatures := func() (count int) {
		referrers, err := w.registry.Referrers(t.Context(), about)
		if err != nil {
			t.Fatal(err)
		}
		for _, referrer := range referrers {
			bundle, err := readSeal(t.Context(), w.registry, about.Repository, referrer)
			if err == nil && w.reconciler.Seals.opensSignature(bundle, about) {
				count++
			}
		}
		return count
	}
	if count := signatures(); count != 1 {
		t.Fatalf("%d signatures", count)
	}
	kept, err := w.reconciler.Seals.Store.Get(t.Context(), digest, evidence.AttestationKind(evidence.KindSignature, about.Repository))
	if err != nil {
		t.Fatal(err)
	}
	w.start(w.reconciler.Seals.Signer, t.TempDir())
	w.settle(dev)
	again, err := w.reconciler.Seals.Store.Get(t.Context(), digest, evidence.AttestationKind(evidence.KindSignature, about.Repository))
	if err != nil || string(again) != string(kept) || signatures() != 1 {
		t.Errorf("%d signatures after the disk was lost: %v", signatures(), err)
	}
}

func TestASealNamesWhatTheVerdictRestsOn(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals(), signedPolicy(t))
	w.registry.signed = true
	digest := w.push("1.8", "good")
	object := w.settle(dev)
	about := image.Reference{Repository: reference(t, object), Digest: digest}
	bundle, err := w.reconciler.Seals.Store.Get(t.Context(), digest, evidence.SealKind(environment(dev)))
	if err != nil {
		t.Fatal(err)
	}
	seal, err := attestation.OpenSeal(bundle, w.reconciler.Seals.believed(), environment(dev), about)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(seal.Inputs, func(i attestation.Input) bool { return i.Digest == signedByCI }) {
		t.Errorf("the signature is not among the inputs: %+v", seal.Inputs)
	}
}

func TestAnImageThatFailsIsNotSigned(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	digest := w.push("1.8", "bad")
	w.findings.find(digest, critical)
	object := w.settle(dev)
	if object.Status.Candidate == nil || object.Status.Candidate.Verdict != v1alpha1.VerdictRejected {
		t.Fatalf("the image is not refused: %+v", object.Status.Candidate)
	}
	referrers, err := w.registry.Referrers(t.Context(), image.Reference{Repository: reference(t, object), Digest: digest})
	if err != nil {
		t.Fatal(err)
	}
	for _, referrer := range referrers {
		if kind := referrer.Annotations["dev.sigstore.bundle.predicateType"]; kind == evidence.SignaturePredicate || kind == attestation.PredicateSeal {
			t.Errorf("a refused image has a %s", kind)
		}
	}
	if object.Status.Summary.Reason != v1alpha1.ReasonVulnerable {
		t.Errorf("the status says %q", object.Status.Summary.Reason)
	}
}

// reference is the repository of the object's source.
func reference(t *testing.T, object *v1alpha1.TrustedImage) image.Repository {
	t.Helper()
	repository, err := image.ParseRepository(object.Spec.Source.Registry.Repository)
	if err != nil {
		t.Fatal(err)
	}
	return repository
}
