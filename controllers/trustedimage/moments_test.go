// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/alarm"
	"github.com/assay-dev/assay/internal/evidence"
)

func requestFor(name types.NamespacedName) ctrl.Request { return ctrl.Request{NamespacedName: name} }

// known is a finding with all that policies name it by.
var known = evidence.Finding{
	ID: "CVE-2026-0001", Package: "openssl", Version: "3.0.1", PURL: "pkg:deb/debian/openssl@3.0.1", FixedVersion: "3.0.2", Severity: evidence.SeverityCritical,
}

// excepting is noFixableCriticals with an exception for the finding that expires.
func excepting(at time.Time) *v1alpha1.ClusterImagePolicy {
	policy := noFixableCriticals()
	policy.Spec.Vulnerabilities.Exceptions = []v1alpha1.VulnerabilityException{{
		ID: known.ID, Package: "pkg:deb/debian/openssl", Reason: "not reachable", Owner: "team", ExpiresAt: v1alpha1.NewTimestamp(at),
	}}
	return policy
}

// TestAnExceptionStopsWorkingAtItsMoment moves the clock to the moment and no further: nothing but the alarm wakes the object.
func TestAnExceptionStopsWorkingAtItsMoment(t *testing.T) {
	expiry := morning.Add(100 * time.Second)
	w := newWorld(t, entryImage(), excepting(expiry))
	digest := w.push("1.8", "good")
	w.findings.find(digest, known)
	object := w.settle(dev)
	if trusted(object) != digest.String() {
		t.Fatalf("an excused finding blocks: %v", conditions(object))
	}
	want := []v1alpha1.ExcusedFinding{{ID: known.ID, Package: "openssl", By: "baseline vulnerabilities.exceptions", Owner: "team", Until: timestamp(expiry)}}
	if diff := cmp.Diff(want, object.Status.Trusted.Excused); diff != "" || object.Status.Trusted.Findings.Excused != 1 {
		t.Errorf("excused (-want +got):\n%s\ncounts %+v", diff, object.Status.Trusted.Findings)
	}
	requests := w.registry.requests
	w.clock.Step(100*time.Second - time.Nanosecond)
	if rung := w.ring(); len(rung) != 0 {
		t.Errorf("woken before the moment: %v", rung)
	}
	w.clock.Step(time.Nanosecond)
	if diff := cmp.Diff([]types.NamespacedName{dev}, w.ring()); diff != "" {
		t.Fatalf("woken (-want +got):\n%s", diff)
	}
	_, _ = w.reconciler.Reconcile(t.Context(), requestFor(dev))
	object = w.get(dev)
	if object.Status.Trusted.NotPassingSince == nil || len(object.Status.Trusted.Excused) != 0 {
		t.Errorf("an expired exception still excuses: %+v", object.Status.Trusted)
	}
	if w.registry.requests != requests {
		t.Error("the registry was asked because an exception expired")
	}
	if rung := w.ring(); len(rung) != 0 {
		t.Errorf("the same moment comes again and again: %v", rung)
	}
}

func TestAGraceEndsAtItsMoment(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	digest := w.push("1.8", "good")
	w.settle(dev)
	w.clock.Step(time.Minute)
	w.findings.find(digest, known)
	w.settle(dev)
	w.clock.Step(grace - time.Second)
	w.settle(dev)
	if rung := w.ring(); len(rung) != 0 {
		t.Errorf("woken before the moment: %v", rung)
	}
	w.clock.Step(time.Second)
	if rung := w.ring(); len(rung) != 1 {
		t.Fatalf("woken: %v", rung)
	}
	_, _ = w.reconciler.Reconcile(t.Context(), requestFor(dev))
	if object := w.get(dev); trusted(object) != "" {
		t.Error("trust outlived its grace")
	}
}

func TestASuspendedImageHasMomentsToo(t *testing.T) {
	w := newWorld(t, entryImage(), excepting(morning.Add(time.Hour)))
	w.findings.find(w.push("1.8", "good"), known)
	w.settle(dev)
	w.change(dev, func(object *v1alpha1.TrustedImage) { object.Spec.Suspend = true })
	w.settle(dev)
	w.clock.Step(time.Hour)
	if rung := w.ring(); len(rung) != 1 {
		t.Fatalf("woken: %v", rung)
	}
	if object := w.settle(dev); object.Status.Trusted.NotPassingSince == nil {
		t.Error("an expired exception still excuses")
	}
}

func TestAnImageThatIsGoneHasNoMoments(t *testing.T) {
	w := newWorld(t, entryImage(), excepting(morning.Add(time.Hour)))
	w.findings.find(w.push("1.8", "good"), known)
	object := w.settle(dev)
	if err := w.api.Delete(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	_, _ = w.reconciler.Reconcile(t.Context(), requestFor(dev))
	w.clock.Step(time.Hour)
	if rung := w.ring(); len(rung) != 0 || w.reconciler.Roster.Len() != 0 {
		t.Errorf("woken: %v; %d objects are remembered", rung, w.reconciler.Roster.Len())
	}
}

// TestStalenessIsSaidOnceAtItsMomentAndEndsWithTheNextDatabase lets the database grow too old: no trust is taken away, nothing new is
// trusted, and one that is fresh wakes the image though nothing else is found.
func TestStalenessIsSaidOnceAtItsMomentAndEndsWithTheNextDatabase(t *testing.T) {
	policy := noFixableCriticals()
	day := v1alpha1.Duration("24h")
	policy.Spec.Vulnerabilities.MaxScanAge = &day
	w := newWorld(t, entryImage(), policy)
	first := w.push("1.8", "first")
	if object := w.settle(dev); trusted(object) != first.String() {
		t.Fatalf("%v", conditions(object))
	}
	w.wokenBy(func(waker *Waker) { waker.DatabaseChanged(t.Context()) })
	w.clock.SetTime(morning.Add(24 * time.Hour))
	if rung := w.ring(); len(rung) != 1 {
		t.Fatalf("woken: %v", rung)
	}
	w.push("1.8", "next")
	object := w.settle(dev)
	if object.Status.Summary.Reason != v1alpha1.ReasonScanStale || trusted(object) != first.String() || object.Status.Trusted.NotPassingSince != nil {
		t.Errorf("%+v", object.Status.Summary)
	}
	w.clock.Step(time.Minute)
	if again := w.settle(dev); again.ResourceVersion != object.ResourceVersion {
		t.Error("it is written again and again")
	}
	w.findings.publish(w.clock.Now())
	mustWake(t, w.wokenBy(func(waker *Waker) { waker.DatabaseChanged(t.Context()) }), "dev/checkout")
	if object := w.settle(dev); trusted(object) == first.String() || object.Status.Summary.Reason != v1alpha1.ReasonPolicyPassed {
		t.Errorf("%+v", object.Status.Summary)
	}
}

// TestTheEndOfSupportCountsAtItsMoment lets the support of the image's distribution end while no other database comes.
func TestTheEndOfSupportCountsAtItsMoment(t *testing.T) {
	policy := noFixableCriticals()
	policy.Spec.Vulnerabilities.EndOfLife = v1alpha1.ToleranceDeny
	w := newWorld(t, entryImage(), policy)
	w.push("1.8", "good")
	w.findings.supportEnds = time.Date(2026, 11, 3, 23, 59, 59, 0, time.UTC)
	if object := w.settle(dev); trusted(object) == "" {
		t.Fatalf("%v", conditions(object))
	}
	days := func(moment time.Time) []string {
		moments := alarm.New(w.clock)
		return w.wokenBy(func(waker *Waker) {
			waker.FollowDate(moments, w.clock)
			for w.clock.Now().Before(moment) {
				w.clock.Step(time.Minute)
				moments.Ring(t.Context())
			}
		})
	}
	mustWake(t, days(w.findings.supportEnds.Truncate(time.Minute)))
	w.settle(dev)
	requests := w.registry.requests
	mustWake(t, days(w.findings.supportEnds.Add(time.Second)), "dev/checkout")
	_, _ = w.reconciler.Reconcile(t.Context(), requestFor(dev))
	object := w.get(dev)
	if rules := object.Status.Trusted.Rules; object.Status.Trusted.NotPassingSince == nil || rules[len(rules)-1].Reason != v1alpha1.ReasonEndOfLife {
		t.Errorf("%+v", object.Status.Trusted)
	}
	if w.registry.requests != requests {
		t.Error("the registry was asked because of the date")
	}
	mustWake(t, days(w.clock.Now().Add(3*day)))
}
