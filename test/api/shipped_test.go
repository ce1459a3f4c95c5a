// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/vulnerability/vex"
	"github.com/assay-dev/assay/test/manifests"
)

// TestShippedSamplesDoWhatTheySay holds that nothing in them is accepted and then cannot be applied.
func TestShippedSamplesDoWhatTheySay(t *testing.T) {
	objects, err := manifests.Render("samples")
	if err != nil {
		t.Fatal(err)
	}
	policies, documents := 0, 0
	for _, o := range objects {
		var p policy.Policy
		switch o.GetKind() {
		case "ImagePolicy":
			p = policy.FromImagePolicy(convert[v1alpha1.ImagePolicy](t, o.Object))
		case "ClusterImagePolicy":
			p = policy.FromClusterImagePolicy(convert[v1alpha1.ClusterImagePolicy](t, o.Object))
		default:
			continue
		}
		policies++
		for _, problem := range policy.Check(p.Spec) {
			t.Errorf("%s: %v", p.Name, problem)
		}
	}
	for _, o := range manifests.Only(objects, "ConfigMap") {
		for key, text := range o.Object["data"].(map[string]any) {
			documents++
			document, err := vex.Parse([]byte(text.(string)), "")
			if err != nil || len(document.Statements) == 0 || document.Unresolved > 0 {
				t.Errorf("%s, %s: %d statements, %d of no package, %v", o.GetName(), key, len(document.Statements), document.Unresolved, err)
			}
		}
	}
	if policies == 0 || documents == 0 {
		t.Errorf("%d policies and %d documents", policies, documents)
	}
}

func convert[T any](t *testing.T, object map[string]any) *T {
	t.Helper()
	into := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, into); err != nil {
		t.Fatal(err)
	}
	return into
}
