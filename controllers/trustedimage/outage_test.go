// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"testing"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/registry"
)

func TestAnUnreachableRegistryIsAskedWithBackoff(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	w.registry.down = registry.NewError(registry.KindUnavailable, nil, "down")
	w.settle(dev)
	asked := w.registry.asked
	var wait time.Duration
	for range 5 {
		result, err := w.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: dev})
		if err != nil || result.RequeueAfter < time.Second {
			t.Fatalf("result %v, %v: it is retried at once, for as long as the registry is down", result, err)
		}
		wait = result.RequeueAfter
		w.drain()
	}
	if more := w.registry.asked - asked; more != 0 {
		t.Errorf("the registry was asked %d times more though no time passed", more)
	}
	for range 8 {
		w.clock.Step(wait)
		w.settle(dev)
		result, _ := w.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: dev})
		if result.RequeueAfter < wait || result.RequeueAfter > 10*time.Minute {
			t.Errorf("it waits %v after %v", result.RequeueAfter, wait)
		}
		wait = result.RequeueAfter
	}
	if more := w.registry.asked - asked; more != 8 {
		t.Errorf("the registry was asked %d times in 8 retries", more)
	}
}

func TestARequestIsHandledWhenItsAnswerIsThere(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	w.push("1.8", "good")
	w.settle(dev)
	next := w.push("1.8", "next")
	w.change(dev, func(object *v1alpha1.TrustedImage) {
		object.Annotations = map[string]string{v1alpha1.RequestedAtAnnotation: "now"}
	})
	_, _ = w.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: dev})
	if got := w.get(dev).Status.LastHandledReconcileAt; got != "" {
		t.Errorf("%q is said to be handled before anybody looked", got)
	}
	if object := w.settle(dev); trusted(object) != next.String() || object.Status.LastHandledReconcileAt != "now" {
		t.Errorf("trusts %q, handled %q", trusted(object), object.Status.LastHandledReconcileAt)
	}
}

func TestARequestLooksForSignaturesAgain(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals(), signedPolicy(t))
	digest := w.push("1.8", "good")
	if object := w.settle(dev); trusted(object) != "" {
		t.Fatal("an image without a signature is trusted")
	}
	w.registry.signed = true
	w.change(dev, func(object *v1alpha1.TrustedImage) {
		object.Annotations = map[string]string{v1alpha1.RequestedAtAnnotation: "now"}
	})
	if object := w.settle(dev); trusted(object) != digest.String() {
		t.Error("the request did not look for the signature")
	}
}

func TestAnOutageKeepsTheConditionOnSignatures(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals(), signedPolicy(t))
	w.registry.signed = true
	w.push("1.8", "good")
	w.settle(dev)
	w.registry.down = registry.NewError(registry.KindUnavailable, nil, "down")
	w.clock.Step(time.Hour)
	mustHave(t, w.settle(dev), "Ready=True PolicyPassed", "Resolved=Unknown RegistryUnavailable", "Scanned=Unknown RegistryUnavailable",
		"Verified=Unknown RegistryUnavailable", "PolicyPassed=Unknown RegistryUnavailable", "Sealed=True Succeeded")
}

func TestALongRequestIsNotWrittenAgainAndAgain(t *testing.T) {
	object := entryImage()
	object.Annotations = map[string]string{v1alpha1.RequestedAtAnnotation: "0123456789012345678901234567890123456789012345678901234567890123456789é"[:63] + "éé"}
	w := newWorld(t, object, noFixableCriticals())
	w.push("1.8", "good")
	if got := w.settle(dev); got.Status.LastHandledReconcileAt != requestedAt(got) {
		t.Errorf("handled %q, requested %q", got.Status.LastHandledReconcileAt, requestedAt(got))
	}
}
