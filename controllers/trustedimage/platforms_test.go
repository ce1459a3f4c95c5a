// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"fmt"
	"testing"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/assay-dev/assay/api/v1alpha1"
)

func TestAnIndexIsTrustedOnlyWhenEveryPlatformThatCanRunWasJudged(t *testing.T) {
	object := entryImage()
	object.Spec.Platforms = []v1alpha1.PlatformString{"linux/amd64"}
	w := newWorld(t, object, noFixableCriticals())
	_, children := w.registry.pushIndex(t, "1.8", "amd64", "arm64")
	w.findings.find(children[1], critical)
	if got := w.settle(dev); trusted(got) != "" {
		t.Error("an index is trusted though it would start a vulnerable image on a platform that the spec does not name")
	}
	w.findings.find(children[1])
	if got := w.settle(dev); trusted(got) == "" || len(got.Status.Trusted.Platforms) != 2 {
		t.Errorf("trusted: %+v", got.Status.Trusted)
	}
}

func TestAnIndexThatLacksAPlatformIsNotTrusted(t *testing.T) {
	object := entryImage()
	object.Spec.Platforms = []v1alpha1.PlatformString{"linux/amd64", "linux/s390x"}
	w := newWorld(t, object, noFixableCriticals())
	w.registry.pushIndex(t, "1.8", "amd64", "arm64")
	got := w.settle(dev)
	mustHave(t, got, "Ready=False NoRunnablePlatform", "Resolved=True Succeeded", "Scanned=Unknown NoRunnablePlatform", "PolicyPassed=Unknown NoRunnablePlatform")
	if trusted(got) != "" {
		t.Error("it is trusted")
	}
}

func TestAnIndexThatListsOneChildTwiceNamesItOnce(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	w.registry.pushIndex(t, "1.8", "amd64", "arm64=amd64")
	if got := w.settle(dev); got.Status.Trusted == nil || len(got.Status.Trusted.Platforms) != 1 {
		t.Errorf("trusted: %+v; the API server refuses a digest that is listed twice", got.Status.Trusted)
	}
}

func TestAnIndexWithMorePlatformsThanAStatusHoldsIsRefused(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	var architectures []string
	for i := range 17 {
		architectures = append(architectures, fmt.Sprintf("arch%d", i))
	}
	w.registry.pushIndex(t, "1.8", architectures...)
	mustHave(t, w.settle(dev), "Ready=False OverLimit", "Resolved=True Succeeded", "Scanned=Unknown OverLimit", "PolicyPassed=Unknown OverLimit")
}

func TestNothingInTheSpecKeepsATrustedDigestFromBeingJudged(t *testing.T) {
	for name, change := range map[string]func(*v1alpha1.TrustedImage){
		"a pull secret that does not exist": func(object *v1alpha1.TrustedImage) {
			object.Spec.ImagePullSecrets = []v1alpha1.LocalObjectReference{{Name: "gone"}}
		},
		"a platform that the index lacks": func(object *v1alpha1.TrustedImage) {
			object.Spec.Platforms = []v1alpha1.PlatformString{"linux/s390x"}
		},
		"a platform that passes": func(object *v1alpha1.TrustedImage) {
			object.Spec.Platforms = []v1alpha1.PlatformString{"linux/amd64"}
		},
		"a platform that is none": func(object *v1alpha1.TrustedImage) {
			object.Spec.Platforms = []v1alpha1.PlatformString{"banana"}
		},
		"a repository that is none": func(object *v1alpha1.TrustedImage) {
			object.Spec.Source.Registry.Repository = "registry.example.com/UPPER"
		},
		"a tag that does not exist": func(object *v1alpha1.TrustedImage) {
			object.Spec.Source.Registry.Tag = "gone"
		},
		"suspend": func(object *v1alpha1.TrustedImage) { object.Spec.Suspend = true },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, entryImage(), noFixableCriticals())
			digest, children := w.registry.pushIndex(t, "1.8", "amd64", "arm64")
			w.settle(dev)
			w.change(dev, change)
			w.findings.find(children[1], critical)
			object := w.settle(dev)
			if trusted(object) != digest.String() || object.Status.Trusted.NotPassingSince == nil {
				t.Fatalf("trusted: %+v", object.Status.Trusted)
			}
			w.clock.Step(grace + time.Minute)
			if object = w.settle(dev); trusted(object) != "" {
				t.Error("it outlived its grace")
			}
		})
	}
}

func TestASuspendedImageTakesNothingNewAndKeepsWhatItTrusts(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	digest := w.push("1.8", "good")
	w.settle(dev)
	w.change(dev, func(object *v1alpha1.TrustedImage) { object.Spec.Suspend = true })
	w.push("1.8", "next")
	w.clock.Step(time.Hour)
	if object := w.settle(dev); trusted(object) != digest.String() || object.Status.Summary.Reason != v1alpha1.ReasonSuspended {
		t.Errorf("trusts %q, reason %s", trusted(object), object.Status.Summary.Reason)
	}
	w.updateStatus(func(s *v1alpha1.TrustedImageStatus) { *s = v1alpha1.TrustedImageStatus{ObservedGeneration: -1} }, dev)
	if object := w.settle(dev); trusted(object) != digest.String() {
		t.Error("an emptied status was not refilled")
	}
}

func TestRequestsWithoutEndDoNotExtendAGrace(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	digest := w.push("1.8", "good")
	w.settle(dev)
	w.findings.find(digest, critical)
	ask := func(value string) *v1alpha1.TrustedImage {
		w.change(dev, func(object *v1alpha1.TrustedImage) {
			object.Annotations = map[string]string{v1alpha1.RequestedAtAnnotation: value}
		})
		_, _ = w.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: dev})
		w.drain()
		return w.get(dev)
	}
	ask("1")
	if object := ask("2"); object.Status.Trusted == nil || object.Status.Trusted.NotPassingSince == nil {
		t.Fatalf("trusted: %+v", object.Status.Trusted)
	}
	w.clock.Step(grace + time.Minute)
	ask("3")
	if object := ask("4"); trusted(object) != "" {
		t.Error("a new request each time kept the digest from being judged")
	}
}
