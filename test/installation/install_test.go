// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package installation_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/test/manifests"
)

// TestWhatIsShippedIsStoredAsItIs holds that the API server drops nothing of what config says, and that installing a second
// time changes nothing, such as the certificate authority that assay-controller wrote.
func TestWhatIsShippedIsStoredAsItIs(t *testing.T) {
	for _, folder := range []string{"default", "samples"} {
		objects, err := manifests.Render(folder)
		if err != nil {
			t.Fatal(err)
		}
		if folder == "samples" {
			defer remove(t, manifests.Without(objects, "Namespace"))
		}
		if objects, err = manifests.PointWebhookAt(objects, "https://"+installed.address+"/validate-pods", nil); err != nil {
			t.Fatal(err)
		}
		strict := client.WithFieldValidation(installed.admin, "Strict")
		if err := manifests.Apply(t.Context(), strict, objects); err != nil {
			t.Fatal(err)
		}
		before := stored(t, objects)
		if err := manifests.Apply(t.Context(), strict, objects); err != nil {
			t.Fatal(err)
		}
		for i, o := range stored(t, objects) {
			if o.GetGeneration() != before[i].GetGeneration() {
				t.Errorf("%s %s: applied twice, its generation is %d and was %d", o.GetKind(), o.GetName(), o.GetGeneration(), before[i].GetGeneration())
			}
			if typed, err := scheme.Scheme.New(o.GroupVersionKind()); err == nil {
				if err := installed.admin.Get(t.Context(), client.ObjectKeyFromObject(o), typed.(client.Object)); err != nil {
					t.Errorf("%s %s cannot be decoded: %v", o.GetKind(), o.GetName(), err)
				}
			}
		}
	}
}

func stored(t *testing.T, objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	t.Helper()
	live := make([]*unstructured.Unstructured, len(objects))
	for i, o := range objects {
		live[i] = &unstructured.Unstructured{}
		live[i].SetGroupVersionKind(o.GroupVersionKind())
		if err := installed.admin.Get(t.Context(), client.ObjectKeyFromObject(o), live[i]); err != nil {
			t.Fatal(err)
		}
	}
	return live
}

func remove(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	for _, o := range objects {
		if err := installed.admin.Delete(t.Context(), o); err != nil {
			t.Error(err)
		}
	}
}
