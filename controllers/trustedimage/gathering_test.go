// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/registry"
)

func TestAnImageThatCannotBeIndexedIsTriedAgainLessAndLess(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	w.registry.indexErr = fmt.Errorf("%w: the indexer was killed", inventory.ErrFailed)
	digest := w.push("1.8", "good")
	object := w.settle(dev)
	mustHave(t, object, "Ready=False IndexingFailed", "Resolved=True Succeeded", "Scanned=Unknown IndexingFailed", "PolicyPassed=Unknown IndexingFailed")
	for range 24 * 6 {
		w.clock.Step(10 * time.Minute)
		w.settle(dev)
	}
	if w.registry.indexed > 20 {
		t.Errorf("indexed %d times in a day", w.registry.indexed)
	}
	w.registry.indexErr = nil
	w.clock.Step(24 * time.Hour)
	if object := w.settle(dev); trusted(object) != digest.String() {
		t.Errorf("%v", conditions(object))
	}
}

func TestAFailedIndexIsTriedAgainSoonAtFirst(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	w.registry.indexErr = fmt.Errorf("%w: the indexer was killed", inventory.ErrFailed)
	w.push("1.8", "good")
	w.settle(dev)
	result, err := w.reconciler.Reconcile(t.Context(), requestFor(dev))
	if err != nil || result.RequeueAfter > 5*time.Second {
		t.Errorf("looked at again after %v, %v", result.RequeueAfter, err)
	}
}

// noRoom is a store on a disk that is all but full.
type noRoom struct{ evidence.Store }

func (noRoom) Room(context.Context) error { return evidence.ErrFull }

func TestAFullDiskStopsIndexingAndLosesNothing(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	first := w.push("1.8", "first")
	w.settle(dev)
	store := w.reconciler.Gatherer.Store
	w.reconciler.Gatherer.Store = noRoom{store}
	indexed := w.registry.indexed
	next := w.push("1.8", "next")
	w.clock.Step(time.Hour)
	object := w.settle(dev)
	mustHave(t, object, "Ready=True PolicyPassed", "Resolved=True Succeeded", "Scanned=Unknown StorageFailed", "PolicyPassed=Unknown StorageFailed", "Sealed=True Succeeded")
	message := meta.FindStatusCondition(object.Status.Conditions, v1alpha1.ScannedCondition).Message
	if trusted(object) != first.String() || w.registry.indexed != indexed || !strings.Contains(message, evidence.ErrFull.Error()) {
		t.Errorf("trusts %s, indexed %d times more, says %q", trusted(object), w.registry.indexed-indexed, message)
	}
	w.reconciler.Gatherer.Store = store
	w.clock.Step(time.Hour)
	if object := w.settle(dev); trusted(object) != next.String() {
		t.Errorf("with room again: %v", conditions(object))
	}
}

func TestSecretsAreLookedForOnlyWhenAPolicyDeniesThem(t *testing.T) {
	denying := noFixableCriticals()
	denying.Spec.Image = &v1alpha1.ImageRules{Secrets: v1alpha1.SecretsDeny}
	for name, test := range map[string]struct {
		policy *v1alpha1.ClusterImagePolicy
		reason string
	}{
		"nobody cares":       {noFixableCriticals(), v1alpha1.ReasonPolicyPassed},
		"a policy denies it": {denying, v1alpha1.ReasonSecretsFound},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, entryImage(), test.policy)
			w.registry.secrets = []inventory.Secret{{Rule: "aws-access-key-id", Severity: "CRITICAL", Place: "root/.aws/credentials", Line: 2}}
			w.push("1.8", "good")
			if got := w.settle(dev).Status.Summary.Reason; got != test.reason {
				t.Errorf("reason %s", got)
			}
		})
	}
}

func TestPackagesAreListedWhenAPolicyDeniesSome(t *testing.T) {
	denying := noFixableCriticals()
	denying.Spec.SBOM = &v1alpha1.SBOMRules{Deny: []v1alpha1.SBOMDenyRule{{Name: "stream", Packages: []v1alpha1.PackagePattern{"pkg:npm/event-stream"}}}}
	w := newWorld(t, entryImage(), denying)
	digest := w.push("1.8", "good")
	w.findings.packages[digest] = []evidence.Package{{PURL: "pkg:npm/event-stream@3.3.6", Name: "event-stream", Version: "3.3.6"}}
	if got := w.settle(dev).Status.Summary.Reason; got != v1alpha1.ReasonPackageDenied {
		t.Errorf("reason %s", got)
	}
}

func TestVEXDocumentsThatNobodySignedAreTold(t *testing.T) {
	believing := signedPolicy(t)
	believing.Spec.Vulnerabilities = &v1alpha1.VulnerabilityRules{VEX: []v1alpha1.VEXSource{{Name: "vendor", AttestedBy: []v1alpha1.RuleName{"ci"}}}}
	w := newWorld(t, entryImage(), believing)
	w.registry.ignoredVEX, w.registry.signed = 2, true
	w.push("1.8", "good")
	scanned := meta.FindStatusCondition(w.settle(dev).Status.Conditions, v1alpha1.ScannedCondition)
	if !strings.Contains(scanned.Message, "2 VEX documents on the image are ignored") {
		t.Errorf("Scanned=%s: %s", scanned.Status, scanned.Message)
	}
}

// fakeTimes are copies of first-seen times in a registry.
type fakeTimes struct {
	restored  []image.Reference
	earlier   map[string]struct{}
	err       error
	published int
}

func (f *fakeTimes) Restore(_ context.Context, _ registry.TaggedReader, about image.Reference) (map[string]struct{}, error) {
	f.restored = append(f.restored, about)
	return f.earlier, f.err
}

func (f *fakeTimes) Publish(context.Context, image.Reference, []evidence.Finding) error {
	f.published++
	return nil
}

func TestFirstSeenTimesAreRestoredBeforeAnImageIsJudgedAndPublishedWhenTheyChange(t *testing.T) {
	w := newWorld(t, entryImage(), excepting(morning.Add(10000*time.Hour)))
	times := &fakeTimes{}
	w.reconciler.Times, w.reconciler.Gatherer.Times = times, times
	digest := w.push("1.8", "good")
	if w.settle(dev); times.published != 0 || len(times.restored) != 1 {
		t.Fatalf("without a finding: restored %v, published %d times", times.restored, times.published)
	}
	w.findings.find(digest, known)
	for range 3 {
		w.settle(dev)
	}
	if times.published != 1 {
		t.Errorf("published %d times", times.published)
	}
	w.chronicle.by[known.ID] = morning.Add(-time.Hour)
	if w.settle(dev); times.published != 2 {
		t.Errorf("published %d times after an earlier time came to be known", times.published)
	}
}

func TestAnImageIsNotJudgedWhileItsFirstSeenTimesCannotBeLookedFor(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		reason string
	}{
		"nobody answers":        {registry.NewError(registry.KindUnavailable, nil, "the registry is down"), v1alpha1.ReasonRegistryUnavailable},
		"Assay may not read it": {registry.NewError(registry.KindUnauthorized, nil, "the copy in shop/checkout may not be read"), v1alpha1.ReasonUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, entryImage(), noFixableCriticals())
			times := &fakeTimes{err: test.err}
			w.reconciler.Gatherer.Times = times
			w.push("1.8", "good")
			object := w.settle(dev)
			for _, kind := range []string{v1alpha1.ScannedCondition, v1alpha1.PolicyPassedCondition} {
				c := meta.FindStatusCondition(object.Status.Conditions, kind)
				if c.Status != metav1.ConditionUnknown || c.Reason != test.reason || c.Message != test.err.Error() {
					t.Errorf("%s=%s, %s: %s", kind, c.Status, c.Reason, c.Message)
				}
			}
			if trusted(object) != "" {
				t.Error("it is trusted as if it were new")
			}
			times.err = nil
			w.clock.Step(time.Hour)
			if trusted(w.settle(dev)) == "" {
				t.Error("it is not trusted once its times can be looked for")
			}
		})
	}
}

func TestThoseThatCarryAVulnerabilityAreWokenWhenItWasSeenEarlier(t *testing.T) {
	w, names, digests := fleet(t, noFixableCriticals())
	w.findings.find(digests[2], evidence.Finding{ID: "CVE-2026-1"})
	w.settle(names...)
	mustWake(t, w.wokenBy(func(waker *Waker) {
		w.reconciler.Gatherer.Times, w.reconciler.Gatherer.Earlier = &fakeTimes{earlier: map[string]struct{}{"CVE-2026-1": {}}}, waker.SeenEarlier
		w.push("a", "next")
		w.clock.Step(time.Hour)
		w.settle(names[0])
	}), "dev/c")
}

func TestALookThatFindsTheSameWritesNoStatus(t *testing.T) {
	for name, findings := range map[string][]evidence.Finding{"of a trusted image": nil, "of a refused image": {critical}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, entryImage(), noFixableCriticals())
			folder := t.TempDir()
			w.start(w.reconciler.Seals.Signer, folder)
			w.findings.find(w.push("1.8", "same"), findings...)
			version := w.settle(dev).ResourceVersion
			w.clock.Step(time.Hour)
			if object := w.settle(dev); object.ResourceVersion != version {
				t.Errorf("another look wrote the status: %+v", object.Status.Summary)
			}
			w.start(w.reconciler.Seals.Signer, folder)
			if object := w.settle(dev); object.ResourceVersion != version {
				t.Errorf("a restart wrote the status: %+v", object.Status.Summary)
			}
		})
	}
}
