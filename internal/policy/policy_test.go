// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/image"
)

func repository(t testing.TB, s string) image.Repository {
	t.Helper()
	r, err := image.ParseRepository(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMatches(t *testing.T) {
	shop := []v1alpha1.ImagePattern{"registry.example.com/shop/**"}
	namespaced := FromImagePolicy(&v1alpha1.ImagePolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: "strict"},
		Spec:       v1alpha1.PolicySpec{Images: shop},
	})
	clusterWide := FromClusterImagePolicy(&v1alpha1.ClusterImagePolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "strict"},
		Spec: v1alpha1.ClusterPolicySpec{
			Namespaces: []v1alpha1.NamespacePattern{"prod", "*-prod"},
			PolicySpec: v1alpha1.PolicySpec{Images: shop},
		},
	})
	everything := namespaced
	everything.Spec.Images = nil
	for name, test := range map[string]struct {
		policy     Policy
		namespace  string
		repository string
		want       bool
	}{
		"a policy speaks of its images in its namespace":            {namespaced, "prod", "registry.example.com/shop/checkout", true},
		"a policy has no say in other namespaces":                   {namespaced, "prod-2", "registry.example.com/shop/checkout", false},
		"a policy has no say on other images":                       {namespaced, "prod", "registry.example.com/shopping/checkout", false},
		"a policy without images speaks of every image":             {everything, "prod", "quay.io/any/thing", true},
		"a cluster-wide policy speaks in the namespaces it names":   {clusterWide, "prod", "registry.example.com/shop/checkout", true},
		"a cluster-wide policy speaks in the namespaces it matches": {clusterWide, "eu-prod", "registry.example.com/shop/checkout", true},
		"a cluster-wide policy has no say elsewhere":                {clusterWide, "production", "registry.example.com/shop/checkout", false},
		"a cluster-wide policy without namespaces says nothing":     {Policy{Name: "lost"}, "prod", "quay.io/any/thing", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.policy.Matches(test.namespace, repository(t, test.repository)); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
	if namespaced.Name != "prod/strict" || clusterWide.Name != "strict" {
		t.Errorf("names are %q and %q", namespaced.Name, clusterWide.Name)
	}
}

func TestMatchingIsSortedByName(t *testing.T) {
	policies := []Policy{
		{Name: "z", Namespaces: []v1alpha1.NamespacePattern{"*"}},
		{Name: "dev/a", Namespace: "dev"},
		{Name: "prod/b", Namespace: "prod"},
		{Name: "a", Namespaces: []v1alpha1.NamespacePattern{"prod"}},
	}
	got := Names(Matching(policies, "prod", repository(t, "nginx")))
	if diff := cmp.Diff([]string{"a", "prod/b", "z"}, got); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
}
