// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/vulnerability"
)

var (
	dev     = types.NamespacedName{Namespace: "dev", Name: "checkout"}
	staging = types.NamespacedName{Namespace: "staging", Name: "checkout"}
)

var critical = evidence.Finding{ID: "CVE-2026-0001", Package: "openssl", Version: "3.0.1", FixedVersion: "3.0.2", Severity: evidence.SeverityCritical}

func entryImage() *v1alpha1.TrustedImage {
	return &v1alpha1.TrustedImage{
		ObjectMeta: metav1.ObjectMeta{Namespace: dev.Namespace, Name: dev.Name, Generation: 1},
		Spec: v1alpha1.TrustedImageSpec{
			Source:    v1alpha1.ImageSource{Registry: &v1alpha1.RegistrySource{Repository: repository, Tag: "1.8"}},
			PromoteTo: []v1alpha1.PromotionTarget{{Namespace: "staging"}},
		},
	}
}

func downstreamImage() *v1alpha1.TrustedImage {
	return &v1alpha1.TrustedImage{
		ObjectMeta: metav1.ObjectMeta{Namespace: staging.Namespace, Name: staging.Name, Generation: 1},
		Spec: v1alpha1.TrustedImageSpec{
			Source: v1alpha1.ImageSource{UpstreamRef: &v1alpha1.UpstreamReference{Namespace: "dev", Name: "checkout"}},
		},
	}
}

// noFixableCriticals holds in every namespace.
func noFixableCriticals() *v1alpha1.ClusterImagePolicy {
	return &v1alpha1.ClusterImagePolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "baseline"},
		Spec: v1alpha1.ClusterPolicySpec{
			Namespaces: []v1alpha1.NamespacePattern{"*"},
			PolicySpec: v1alpha1.PolicySpec{Vulnerabilities: &v1alpha1.VulnerabilityRules{Block: []v1alpha1.BlockRule{
				{Name: "fixable", MinSeverity: v1alpha1.SeverityCritical, Fix: v1alpha1.FixAvailable},
			}}},
		},
	}
}

// conditions are the object's conditions as "Type=Status Reason", in order.
func conditions(object *v1alpha1.TrustedImage) []string {
	var list []string
	for _, c := range object.Status.Conditions {
		list = append(list, c.Type+"="+string(c.Status)+" "+c.Reason)
	}
	return list
}

func mustHave(t *testing.T, object *v1alpha1.TrustedImage, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, conditions(object)); diff != "" {
		t.Errorf("conditions of %s (-want +got):\n%s", object.Namespace, diff)
	}
}

func trusted(object *v1alpha1.TrustedImage) string {
	if object.Status.Trusted == nil {
		return ""
	}
	return string(object.Status.Trusted.Digest)
}

func TestAnImageThatPassesIsTrustedSealedAndTakenDownstream(t *testing.T) {
	w := newWorld(t, entryImage(), downstreamImage(), noFixableCriticals())
	digest := w.push("1.8", "good")
	last := w.settle(dev, staging)
	for _, object := range []*v1alpha1.TrustedImage{w.get(dev), last} {
		if trusted(object) != digest.String() {
			t.Errorf("%s trusts %q, want %s", object.Namespace, trusted(object), digest)
		}
		if object.Status.Candidate != nil {
			t.Errorf("%s still has a candidate", object.Namespace)
		}
	}
	mustHave(t, w.get(dev), "Ready=True PolicyPassed", "Resolved=True Succeeded", "Scanned=True Succeeded", "PolicyPassed=True PolicyPassed", "Sealed=True Succeeded")
	mustHave(t, last, "Ready=True PolicyPassed", "Resolved=True Succeeded", "Scanned=True Succeeded", "PolicyPassed=True PolicyPassed", "Promoted=True Succeeded", "Sealed=True Succeeded")
	if w.registry.indexed != 1 || w.registry.attaches != 6 {
		t.Errorf("indexed %d times and attached %d documents, want once, and two SBOMs, a report, a signature and two seals", w.registry.indexed, w.registry.attaches)
	}
}

func TestARefusedCandidateLeavesTheTrustedDigestAlone(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	good := w.push("1.8", "good")
	w.settle(dev)
	bad := w.push("1.8", "bad")
	w.findings.find(bad, critical)
	w.clock.Step(time.Hour)
	object := w.settle(dev)
	if trusted(object) != good.String() || object.Status.Candidate == nil || string(object.Status.Candidate.Digest) != bad.String() {
		t.Fatalf("trusted %s, candidate %+v", trusted(object), object.Status.Candidate)
	}
	mustHave(t, object, "Ready=True PolicyPassed", "Resolved=True Succeeded", "Scanned=True Succeeded", "PolicyPassed=False Vulnerable", "Sealed=True Succeeded")
	want := v1alpha1.ImageSummary{Image: "shop/checkout:1.8", Digest: good.Short(), Verdict: v1alpha1.VerdictTrusted, Reason: v1alpha1.ReasonVulnerable, Candidate: bad.Short()}
	got := object.Status.Summary
	got.Critical, got.High, got.Exploited, got.SBOM = nil, nil, nil, ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func TestADigestThatStopsPassingIsInGraceAndThenTrustedNoMore(t *testing.T) {
	w := newWorld(t, entryImage(), downstreamImage(), noFixableCriticals())
	digest := w.push("1.8", "good")
	w.settle(dev)
	w.findings.find(digest, critical)
	object := w.settle(dev)
	if trusted(object) == "" || object.Status.Trusted.NotPassingSince == nil || object.Status.Summary.Reason != v1alpha1.ReasonInGrace {
		t.Fatalf("in grace: %+v", object.Status)
	}
	if taken := w.settle(staging); trusted(taken) != "" {
		t.Error("a digest in grace was promoted further")
	}
	w.clock.Step(grace - time.Minute)
	if object = w.settle(dev); trusted(object) == "" {
		t.Fatal("trust ended before the grace did")
	}
	w.clock.Step(2 * time.Minute)
	if object = w.settle(dev); trusted(object) != "" {
		t.Fatal("trust outlived its grace")
	}
	if len(recorded(&w.get(dev).Status)) != 0 {
		t.Error("the ledger brought back what had ended")
	}
}

func TestOutagesTakeNoTrustAway(t *testing.T) {
	for name, outage := range map[string]func(*world){
		"the registry is down": func(w *world) {
			w.registry.down = registry.NewError(registry.KindUnavailable, nil, "registry.example.com cannot be reached")
		},
		"the database is lost":             func(w *world) { w.findings.fail(vulnerability.ErrNoDatabase) },
		"a detector fails":                 func(w *world) { w.findings.fail(vulnerability.ErrMatchingFailed) },
		"the release is covered no longer": func(w *world) { w.findings.fail(vulnerability.ErrNotCovered) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, entryImage(), noFixableCriticals())
			digest := w.push("1.8", "good")
			w.settle(dev)
			outage(w)
			w.clock.Step(200 * time.Hour)
			object := w.settle(dev)
			if trusted(object) != digest.String() || object.Status.Trusted.NotPassingSince != nil {
				t.Errorf("trusted: %+v", object.Status.Trusted)
			}
		})
	}
}

func TestTrustWithoutAPolicyIsInGrace(t *testing.T) {
	policy := noFixableCriticals()
	w := newWorld(t, entryImage(), policy)
	w.push("1.8", "good")
	w.settle(dev)
	if err := w.api.Delete(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	object := w.settle(dev)
	if object.Status.Trusted == nil || object.Status.Trusted.NotPassingSince == nil {
		t.Fatalf("trusted: %+v", object.Status.Trusted)
	}
	if got := object.Status.Summary.Verdict; got != v1alpha1.VerdictUndetermined {
		t.Errorf("the verdict is %s although nobody judged", got)
	}
	w.clock.Step(grace + time.Minute)
	if object = w.settle(dev); trusted(object) != "" {
		t.Error("trust without a policy outlived its grace")
	}
}

func TestAnEmptiedStatusIsRefilledInOneReconcileWithoutTheRegistry(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	digest := w.push("1.8", "good")
	w.settle(dev)
	indexed := w.registry.indexed
	w.updateStatus(func(s *v1alpha1.TrustedImageStatus) { *s = v1alpha1.TrustedImageStatus{ObservedGeneration: -1} }, dev)
	w.registry.down = registry.NewError(registry.KindUnavailable, nil, "down")
	_, _ = w.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: dev})
	if object := w.get(dev); trusted(object) != digest.String() || w.registry.indexed != indexed {
		t.Errorf("trusted %q after one reconcile, indexed %d times more", trusted(object), w.registry.indexed-indexed)
	}
}

func TestAnEmptiedStatusOnAFreshDiskIsRefilledFromTheRegistryWithoutPulling(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	digest := w.push("1.8", "good")
	before := w.settle(dev)
	w.updateStatus(func(s *v1alpha1.TrustedImageStatus) { *s = v1alpha1.TrustedImageStatus{ObservedGeneration: -1} }, dev)
	w.start(w.reconciler.Seals.Signer, t.TempDir())
	w.registry.indexed = 0
	refilled := ""
	for range 3 {
		_, _ = w.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: dev})
		if refilled = trusted(w.get(dev)); refilled != "" {
			break
		}
		w.drain()
	}
	if refilled != digest.String() || w.registry.indexed != 0 {
		t.Fatalf("trusted %q with the image indexed %d times", refilled, w.registry.indexed)
	}
	attaches := w.registry.attaches
	object := w.settle(dev)
	if object.Status.Trusted.SealDigest != before.Status.Trusted.SealDigest {
		t.Error("a second seal was made")
	}
	if w.registry.attaches-attaches > 2 {
		t.Errorf("%d documents were attached again, want at most the two SBOMs of the fresh disk", w.registry.attaches-attaches)
	}
}

func TestForgedEntriesAreClearedWithAnEvent(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	bad := w.push("1.8", "bad")
	w.findings.find(bad, critical)
	w.settle(dev)
	forged := v1alpha1.TrustedDigest{
		Digest: v1alpha1.DigestString(bad.String()), Repository: repository, TrustedAt: v1alpha1.NewTimestamp(w.clock.Now()),
		PoliciesHash: v1alpha1.DigestString(bad.String()), Signature: "bm90IGEgc2lnbmF0dXJl",
	}
	w.updateStatus(func(s *v1alpha1.TrustedImageStatus) { s.Trusted = &forged }, dev)
	for len(w.recorder.Events) > 0 {
		<-w.recorder.Events
	}
	if object := w.settle(dev); trusted(object) != "" {
		t.Error("a forged entry is trusted")
	}
	if event := <-w.recorder.Events; !strings.Contains(event, v1alpha1.ReasonForgedTrust) {
		t.Errorf("event %q", event)
	}
}

func TestASignatureMovedToAnotherObjectIsNoTrust(t *testing.T) {
	other := entryImage()
	other.Name = "other"
	w := newWorld(t, entryImage(), other, noFixableCriticals())
	w.push("1.8", "good")
	object := w.settle(dev)
	name := types.NamespacedName{Namespace: "dev", Name: "other"}
	w.updateStatus(func(s *v1alpha1.TrustedImageStatus) { s.Trusted = object.Status.Trusted }, name)
	entries, forged := w.reconciler.Seals.verified(t.Context(), name, recorded(&w.get(name).Status))
	if len(entries) != 0 || forged != 1 {
		t.Errorf("%d entries and %d forged", len(entries), forged)
	}
}

func TestAReadOnlyRegistryKeepsNothingFromBeingPromoted(t *testing.T) {
	w := newWorld(t, entryImage(), downstreamImage(), noFixableCriticals())
	w.registry.denyPush = true
	digest := w.push("1.8", "good")
	object := w.settle(dev, staging)
	if trusted(object) != digest.String() {
		t.Errorf("staging trusts %q", trusted(object))
	}
	mustHave(t, w.get(dev), "Ready=True PolicyPassed", "Resolved=True Succeeded", "Scanned=True Succeeded", "PolicyPassed=True PolicyPassed", "Sealed=False PushDenied")
}

func TestNothingIsWrittenWhenNothingChanged(t *testing.T) {
	w := newWorld(t, entryImage(), downstreamImage(), noFixableCriticals())
	w.push("1.8", "good")
	w.settle(dev, staging)
	versions := w.get(dev).ResourceVersion + w.get(staging).ResourceVersion
	for range 5 {
		w.clock.Step(time.Hour)
		w.settle(dev, staging)
	}
	if again := w.get(dev).ResourceVersion + w.get(staging).ResourceVersion; again != versions {
		t.Error("the status was written without need")
	}
}

func TestTheLastFiveDigestsStayInTheHistory(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	var pushed []string
	for _, label := range strings.Split("abcdefgh", "") {
		pushed = append(pushed, w.push("1.8", label).String())
		w.clock.Step(time.Hour)
		w.settle(dev)
	}
	var kept []string
	for _, record := range recorded(&w.get(dev).Status) {
		kept = append(kept, string(record.Digest))
	}
	want := []string{pushed[7], pushed[6], pushed[5], pushed[4], pushed[3], pushed[2]}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Errorf("digests (-want +got):\n%s", diff)
	}
}
