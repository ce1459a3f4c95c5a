// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package reconcile_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/reconcile"
)

func TestDescribe(t *testing.T) {
	for name, test := range map[string]struct {
		err             error
		reason, message string
	}{
		"a stalled failure that was wrapped keeps its reason": {
			fmt.Errorf("resolve: %w", &reconcile.Stalled{Reason: "InvalidReference", Message: "correct the spec"}),
			"InvalidReference", "correct the spec",
		},
		"a waiting failure names what it waits for": {
			&reconcile.Waiting{Reason: "UpstreamNotFound", Message: "create it"}, "UpstreamNotFound", "create it",
		},
		"a failure that is retried keeps its own message, not its cause's": {
			&reconcile.Failed{Reason: "RegistryUnavailable", Message: "cannot be reached", Cause: errors.New("dial tcp 10.0.0.1:41234")},
			"RegistryUnavailable", "cannot be reached",
		},
		"an error without a reason gets the fallback": {errors.New("boom"), "InProgress", "boom"},
	} {
		t.Run(name, func(t *testing.T) {
			reason, message := reconcile.Describe(test.err, "InProgress")
			if reason != test.reason || message != test.message {
				t.Errorf("got %s: %s", reason, message)
			}
		})
	}
}

func TestATransitionTimeMovesOnlyWithTheStatus(t *testing.T) {
	var list []metav1.Condition
	start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	set := func(after time.Duration, status metav1.ConditionStatus, reason string) metav1.Time {
		reconcile.Conditions{List: &list, Generation: 2, Now: start.Add(after)}.Set("Ready", status, reason, "\x1b[31mred")
		return list[0].LastTransitionTime
	}
	if got := set(0, "True", "A"); !got.Time.Equal(start) {
		t.Errorf("set at %v, want %v", got, start)
	}
	if got := set(time.Minute, "True", "B"); !got.Time.Equal(start) {
		t.Errorf("another reason moved the time to %v", got)
	}
	if got := set(time.Hour, "False", "B"); !got.Time.Equal(start.Add(time.Hour)) {
		t.Errorf("another status left the time at %v", got)
	}
	if diff := cmp.Diff(`\x1b[31mred`, list[0].Message); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestPatchStatus(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	status := func(o client.Object) any { return o.(*v1alpha1.TrustedImage).Status }
	stored := &v1alpha1.TrustedImage{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "shop"}}
	api := fake.NewClientBuilder().WithScheme(scheme).WithObjects(stored).WithStatusSubresource(stored).Build()
	read := func() *v1alpha1.TrustedImage {
		var object v1alpha1.TrustedImage
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(stored), &object); err != nil {
			t.Fatal(err)
		}
		return &object
	}
	base := read()
	if wrote, err := reconcile.PatchStatus(t.Context(), api.Status(), base, base.DeepCopy(), status); wrote || err != nil {
		t.Errorf("an equal status was written: %v, %v", wrote, err)
	}
	changed := base.DeepCopy()
	changed.Status.Summary.Reason = "PolicyPassed"
	if wrote, err := reconcile.PatchStatus(t.Context(), api.Status(), base, changed, status); !wrote || err != nil {
		t.Fatalf("the status was not written: %v, %v", wrote, err)
	}
	late := base.DeepCopy()
	late.Status.Summary.Reason = "Vulnerable"
	if _, err := reconcile.PatchStatus(t.Context(), api.Status(), base, late, status); !apierrors.IsConflict(err) {
		t.Errorf("a write on top of an unseen one gave %v, want a conflict", err)
	}
	if got := read().Status.Summary.Reason; got != "PolicyPassed" {
		t.Errorf("the status says %s", got)
	}
}
