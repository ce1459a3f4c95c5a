// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// TestTwoOwnersShareAList holds that by server-side apply each of two owners has its own entries of a list, and that one
// removes its own without touching the other's.
func TestTwoOwnersShareAList(t *testing.T) {
	c := newCluster(t)
	const excused = ", reason: r, expiresAt: \"2027-01-31T00:00:00Z\""
	cases := map[string]struct {
		kind          string
		base          string // applied by the first owner with its entry
		first, second string
		list          []string // path of the list
		key           string   // of its entries; "" for a set
		want          []string // the entries' keys; one and two unless set
	}{
		"promoteTo": {kind: "TrustedImage", base: "source: {upstreamRef: {namespace: dev, name: a}}",
			first: "promoteTo: [{namespace: one}]", second: "promoteTo: [{namespace: two}]", list: []string{"spec", "promoteTo"}, key: "namespace"},
		"imagePullSecrets": {kind: "TrustedImage", base: "source: {upstreamRef: {namespace: dev, name: a}}",
			first: "imagePullSecrets: [{name: one}]", second: "imagePullSecrets: [{name: two}]", list: []string{"spec", "imagePullSecrets"}, key: "name"},
		"authorities": {kind: "ImagePolicy",
			first: "authorities: [{name: one, key: {inline: PEM}}]", second: "authorities: [{name: two, key: {inline: PEM}}]", list: []string{"spec", "authorities"}, key: "name"},
		"signatures": {kind: "ImagePolicy", base: "authorities: [{name: ci, key: {inline: PEM}}]",
			first: "signatures: [{name: one, anyOf: [ci]}]", second: "signatures: [{name: two, anyOf: [ci]}]", list: []string{"spec", "signatures"}, key: "name"},
		"attestations": {kind: "ImagePolicy", base: "authorities: [{name: ci, key: {inline: PEM}}]",
			first: "attestations: [{name: one, signedBy: [ci], predicateType: a:b}]", second: "attestations: [{name: two, signedBy: [ci], predicateType: a:b}]",
			list: []string{"spec", "attestations"}, key: "name"},
		"layouts": {kind: "ImagePolicy",
			first: "layouts: [{name: one, layout: {configMapKeyRef: {name: a, key: b}}, keys: [{inline: PEM}]}]", second: "layouts: [{name: two, layout: {configMapKeyRef: {name: a, key: b}}, keys: [{inline: PEM}]}]",
			list: []string{"spec", "layouts"}, key: "name"},
		"block": {kind: "ImagePolicy",
			first: "vulnerabilities: {block: [{name: one, fix: Available}]}", second: "vulnerabilities: {block: [{name: two, exploited: Known}]}",
			list: []string{"spec", "vulnerabilities", "block"}, key: "name"},
		"exceptions": {kind: "ImagePolicy",
			first: "vulnerabilities: {exceptions: [{id: one, package: pkg:deb/a/b" + excused + "}]}", second: "vulnerabilities: {exceptions: [{id: two, package: pkg:deb/a/b" + excused + "}]}",
			list: []string{"spec", "vulnerabilities", "exceptions"}, key: "id"},
		"exceptions of one vulnerability": {kind: "ImagePolicy",
			first: "vulnerabilities: {exceptions: [{id: CVE-1, package: pkg:deb/one/a" + excused + "}]}", second: "vulnerabilities: {exceptions: [{id: CVE-1, package: pkg:deb/two/a" + excused + "}]}",
			list: []string{"spec", "vulnerabilities", "exceptions"}, key: "package", want: []string{"pkg:deb/one/a", "pkg:deb/two/a"}},
		"vex": {kind: "ImagePolicy",
			first: "vulnerabilities: {vex: [{name: one, configMapKeyRef: {name: a, key: b}}]}", second: "vulnerabilities: {vex: [{name: two, configMapKeyRef: {name: a, key: b}}]}",
			list: []string{"spec", "vulnerabilities", "vex"}, key: "name"},
		"deny": {kind: "ImagePolicy",
			first: "sbom: {deny: [{name: one, licenses: [AGPL-*]}]}", second: "sbom: {deny: [{name: two, packages: [pkg:npm/a]}]}",
			list: []string{"spec", "sbom", "deny"}, key: "name"},
		"images": {kind: "ImagePolicy", first: "images: [one]", second: "images: [two]", list: []string{"spec", "images"}},
	}
	for name, s := range cases {
		t.Run(name, func(t *testing.T) {
			apply := func(owner, spec string) *unstructured.Unstructured {
				t.Helper()
				object := &unstructured.Unstructured{Object: map[string]any{}}
				object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(s.kind))
				object.SetNamespace(c.namespace)
				object.SetName(strings.ReplaceAll(strings.ToLower(name), " ", "-"))
				var decoded map[string]any
				if err := yaml.Unmarshal([]byte(spec), &decoded); err != nil {
					t.Fatal(err)
				}
				object.Object["spec"] = decoded
				if err := c.client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(owner)); err != nil {
					t.Fatal(err)
				}
				return object
			}
			apply("first", s.base+"\n"+s.first)
			want := s.want
			if want == nil {
				want = []string{"one", "two"}
			}
			both := apply("second", s.second)
			if got := entries(t, both, s.list, s.key); !slices.Equal(got, want) {
				t.Errorf("with both owners: %v, want %v", got, want)
			}
			left := apply("second", "{}")
			if got := entries(t, left, s.list, s.key); !slices.Equal(got, want[:1]) {
				t.Errorf("after the second took its entry back: %v, want %v", got, want[:1])
			}
		})
	}
}

// entries returns the sorted keys of a list's entries as the API server answered.
func entries(t *testing.T, object *unstructured.Unstructured, path []string, key string) []string {
	t.Helper()
	list, _, err := unstructured.NestedSlice(object.Object, path...)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range list {
		if key == "" {
			found = append(found, entry.(string))
			continue
		}
		found = append(found, entry.(map[string]any)[key].(string))
	}
	slices.Sort(found)
	return found
}
