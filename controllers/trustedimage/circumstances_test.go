// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// noWorse is noFixableCriticals for what the digest before did not carry already.
func noWorse() *v1alpha1.ClusterImagePolicy {
	policy := noFixableCriticals()
	policy.Spec.Vulnerabilities.NotWorseThanCurrent = true
	return policy
}

// other is a second vulnerability that blocks.
var other = evidence.Finding{ID: "CVE-2026-0002", Package: "zlib", Version: "1.2", PURL: "pkg:deb/debian/zlib@1.2", FixedVersion: "1.3", Severity: evidence.SeverityCritical}

// released is a world in which a digest is trusted, a vulnerability comes to be known in it, and a release that carries it, too, is
// pushed an hour later.
func released(t *testing.T, findings ...evidence.Finding) (w *world, first, second image.Digest) {
	t.Helper()
	w = newWorld(t, entryImage(), noWorse())
	first = w.push("1.8", "first")
	w.settle(dev)
	w.clock.Step(time.Hour)
	w.chronicle.by[known.ID] = w.clock.Now()
	w.findings.find(first, known)
	w.settle(dev)
	w.clock.Step(time.Hour)
	second = w.push("1.8", "second")
	w.findings.find(second, findings...)
	w.settle(dev)
	return w, first, second
}

func TestAReleaseMayCarryWhatTheDigestThatItReplacesCarries(t *testing.T) {
	for name, test := range map[string]struct {
		findings []evidence.Finding
		trusted  bool
	}{
		"what was there before":           {[]evidence.Finding{known}, true},
		"nothing":                         {nil, true},
		"something else":                  {[]evidence.Finding{other}, false},
		"what was there before, and more": {[]evidence.Finding{known, other}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w, first, second := released(t, test.findings...)
			want := first
			if test.trusted {
				want = second
			}
			if got := trusted(w.get(dev)); got != want.String() {
				t.Errorf("trusts %s, %v", got, conditions(w.get(dev)))
			}
		})
	}
}

func TestAReleaseStaysTrustedWhenTheDigestThatItReplacedIsTrustedNoMore(t *testing.T) {
	w, first, second := released(t, known)
	for range 4 {
		w.clock.Step(grace)
		w.settle(dev)
	}
	object := w.get(dev)
	if entryFor(object, repository, first.String()) != nil {
		t.Fatal("a digest that does not pass outlived its grace")
	}
	if trusted(object) != second.String() || object.Status.Trusted.NotPassingSince != nil {
		t.Errorf("trusted: %+v", object.Status.Trusted)
	}
	w.start(w.reconciler.Seals.Signer, t.TempDir())
	if object := w.settle(dev); trusted(object) != second.String() || object.Status.Trusted.NotPassingSince != nil {
		t.Errorf("on a fresh disk, trusted: %+v", object.Status.Trusted)
	}
}

func TestAReleaseIsJudgedOnlyWhenSomebodyCouldBeAskedWhatItReplaced(t *testing.T) {
	for name, test := range map[string]struct {
		answer error
		passes bool
	}{
		"nobody answers": {registry.NewError(registry.KindUnavailable, nil, "down"), true},
		"it is gone":     {registry.NewError(registry.KindNotFound, nil, "gone"), false},
		"it is there":    {nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			w, first, second := released(t, known)
			w.registry.broken = map[image.Digest]error{first: test.answer}
			w.start(w.reconciler.Seals.Signer, t.TempDir())
			object := w.settle(dev)
			if passes := object.Status.Trusted.NotPassingSince == nil; trusted(object) != second.String() || passes != test.passes {
				t.Errorf("trusted: %+v", object.Status.Trusted)
			}
		})
	}
}

func TestWhatCameToBeKnownAfterTheReleaseIsNotExcused(t *testing.T) {
	w, first, second := released(t, known)
	w.clock.Step(time.Hour)
	w.chronicle.by[other.ID] = w.clock.Now()
	w.findings.find(first, known, other)
	w.findings.find(second, known, other)
	if object := w.settle(dev); object.Status.Trusted.NotPassingSince == nil {
		t.Errorf("trusted: %+v", object.Status.Trusted)
	}
}

func TestAReleaseThatIsNoWorseGoesDownstream(t *testing.T) {
	w := newWorld(t, entryImage(), downstreamImage(), noWorse())
	first := w.push("1.8", "first")
	w.settle(dev, staging)
	w.clock.Step(time.Hour)
	w.chronicle.by[known.ID] = w.clock.Now()
	w.findings.find(first, known)
	w.settle(dev, staging)
	w.clock.Step(time.Hour)
	second := w.push("1.8", "second")
	w.findings.find(second, known)
	w.settle(dev, staging)
	for range 5 {
		for _, name := range []types.NamespacedName{dev, staging} {
			if object := w.get(name); trusted(object) != second.String() || object.Status.Trusted.NotPassingSince != nil {
				t.Fatalf("%s trusts %+v, %v", name, object.Status.Trusted, conditions(object))
			}
		}
		w.clock.Step(grace) // in the end that of the digest that was replaced is over in both
		w.settle(dev, staging)
	}
}

func TestAReleaseThatIsWorseThanWhatItReplacesThereGoesNoFurther(t *testing.T) {
	w := newWorld(t, entryImage(), downstreamImage(), noWorse())
	clean := w.push("1.8", "clean")
	w.settle(dev, staging)
	w.change(staging, func(object *v1alpha1.TrustedImage) { object.Spec.Suspend = true })
	first := w.push("1.8", "first")
	w.clock.Step(time.Hour)
	w.settle(dev, staging)
	w.clock.Step(time.Hour)
	w.chronicle.by[known.ID] = w.clock.Now()
	w.findings.find(first, known)
	w.settle(dev, staging)
	second := w.push("1.8", "second")
	w.findings.find(second, known)
	w.clock.Step(time.Hour)
	w.change(staging, func(object *v1alpha1.TrustedImage) { object.Spec.Suspend = false })
	w.settle(dev, staging)
	if object := w.get(dev); trusted(object) != second.String() {
		t.Errorf("dev trusts %s, %v", trusted(object), conditions(object))
	}
	if object := w.get(staging); trusted(object) != clean.String() || object.Status.Candidate.Verdict != v1alpha1.VerdictRejected {
		t.Errorf("staging trusts %s, candidate %+v, %v", trusted(object), object.Status.Candidate, conditions(object))
	}
}
