// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keys_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/policy/keys/fake"
)

// document is an OpenVEX document that says that products are fixed.
func document(products ...string) string {
	var list []string
	for _, product := range products {
		list = append(list, fmt.Sprintf(`{"@id":%q}`, product))
	}
	return `{"@context":"https://openvex.dev/ns/v0.2.0","author":"Example Company","timestamp":"2026-02-03T04:05:06Z","statements":[
		{"vulnerability":{"name":"CVE-2026-1"},"products":[` + strings.Join(list, ",") + `],"status":"fixed"}]}`
}

func fixed(product string) evidence.VEXStatement {
	return evidence.VEXStatement{
		IDs: []string{"CVE-2026-1"}, Status: evidence.VEXFixed, Product: product, Author: "Example Company",
		Timestamp: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC),
	}
}

// stating is the policy with a VEX source in a ConfigMap.
func stating(p policy.Policy, configMap v1alpha1.ObjectName, key string) policy.Policy {
	p.Spec.Vulnerabilities = &v1alpha1.VulnerabilityRules{VEX: []v1alpha1.VEXSource{
		{Name: "vendor", ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: configMap, Key: key}},
	}}
	return p
}

var (
	namespaced  = policy.Policy{Name: "prod/strict", Namespace: "prod"}
	clusterWide = policy.Policy{Name: "strict"}
)

func TestVEXDocumentsInConfigMaps(t *testing.T) {
	maps := map[string]map[string]string{
		"prod/vex":  {"vendor.json": document("pkg:npm/a@1"), "part.json": document("pkg:npm/a@1", "somebody's product"), "bad.json": "{}"},
		"assay/vex": {"vendor.json": document("pkg:npm/b@1")},
	}
	unavailable := func(message string) evidence.Fact[[]evidence.VEXStatement] {
		return evidence.Unchecked[[]evidence.VEXStatement](v1alpha1.ReasonVEXUnavailable, message)
	}
	part := evidence.Checked([]evidence.VEXStatement{fixed("pkg:npm/a@1")})
	part.Message = "1 product has no package URL and is not covered"
	for name, test := range map[string]struct {
		policy policy.Policy
		want   evidence.Fact[[]evidence.VEXStatement]
	}{
		"a policy's document stands in its own namespace": {
			stating(namespaced, "vex", "vendor.json"), evidence.Checked([]evidence.VEXStatement{fixed("pkg:npm/a@1")}),
		},
		"a cluster-wide policy's document stands in Assay's namespace": {
			stating(clusterWide, "vex", "vendor.json"), evidence.Checked([]evidence.VEXStatement{fixed("pkg:npm/b@1")}),
		},
		"a product without a package URL is counted": {stating(namespaced, "vex", "part.json"), part},
		"a ConfigMap that is not there": {
			stating(namespaced, "none", "vendor.json"),
			unavailable("ConfigMap none does not exist in namespace prod; create it with the VEX document under vendor.json"),
		},
		"a key that is not there": {
			stating(namespaced, "vex", "none.json"),
			unavailable("ConfigMap vex in namespace prod has no key none.json; put the VEX document there"),
		},
		"a document that is none": {
			stating(namespaced, "vex", "bad.json"),
			unavailable("bad.json of ConfigMap vex in namespace prod: the VEX document cannot be used: " +
				"it is neither OpenVEX (@context https://openvex.dev/ns/v0.2.0) nor CSAF (document.csaf_version)"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			resolver := &keys.Resolver{Texts: &fake.Texts{ConfigMaps: maps}, Namespace: "assay"}
			set, err := resolver.Resolve(t.Context(), []policy.Policy{test.policy})
			if err != nil {
				t.Fatal(err)
			}
			want := map[v1alpha1.RuleName]evidence.Fact[[]evidence.VEXStatement]{"vendor": test.want}
			if diff := cmp.Diff(want, set.Policies[0].VEX, cmpopts.EquateComparable(image.Digest{})); diff != "" {
				t.Errorf("documents (-want +got):\n%s", diff)
			}
		})
	}
}

func TestADocumentThatNobodyCouldLookForIsAnError(t *testing.T) {
	broken := errors.New("the API server is gone")
	resolver := &keys.Resolver{Texts: &fake.Texts{Err: broken}}
	if _, err := resolver.Resolve(t.Context(), []policy.Policy{stating(namespaced, "vex", "vendor.json")}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestAnchorsOfAttestedDocuments(t *testing.T) {
	vendor, vendorPrint := publicKey(t)
	ci, ciPrint := publicKey(t)
	p := counting(namespaced, inline("ci", ci))
	p.Spec.Authorities = append(p.Spec.Authorities, inline("vendor", vendor), inline("broken", "no key"))
	p.Spec.Vulnerabilities = &v1alpha1.VulnerabilityRules{VEX: []v1alpha1.VEXSource{
		{Name: "vendor", AttestedBy: []v1alpha1.RuleName{"vendor", "broken", "unknown"}},
	}}
	resolver := &keys.Resolver{Texts: &fake.Texts{}}
	got, anchors := resolve(t, resolver, p)
	var prints []string
	for _, anchor := range anchors {
		prints = append(prints, anchor.Key.Fingerprint)
	}
	if diff := cmp.Diff([]string{ciPrint, vendorPrint}, prints, cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
		t.Errorf("anchors (-want +got):\n%s", diff)
	}
	if len(got.VEX) > 0 {
		t.Errorf("documents in ConfigMaps: %+v", got.VEX)
	}
}

// TestADocumentIsReadOnce: however many images are judged by it, and anew when it changes.
func TestADocumentIsReadOnce(t *testing.T) {
	many := make([]string, 10_000)
	for i := range many {
		many[i] = fmt.Sprintf("pkg:npm/@scope-%d/name@1.%d.0", i%100, i)
	}
	texts := &fake.Texts{ConfigMaps: map[string]map[string]string{"prod/vex": {"vendor.json": document(many...)}}}
	clock := clocktesting.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	resolver := &keys.Resolver{Texts: keys.Remember(texts, clock), Namespace: "assay"}
	p := stating(namespaced, "vex", "vendor.json")
	resolve := func() []evidence.VEXStatement {
		t.Helper()
		set, err := resolver.Resolve(t.Context(), []policy.Policy{p})
		if err != nil {
			t.Fatal(err)
		}
		return set.Policies[0].VEX["vendor"].Value
	}
	first := resolve()
	if len(first) != len(many) {
		t.Fatalf("%d statements, want %d", len(first), len(many))
	}
	for range 10_000 {
		if again := resolve(); &again[0] != &first[0] {
			t.Fatal("it was read again")
		}
	}
	clock.SetTime(clock.Now().Add(time.Hour))
	texts.ConfigMaps["prod/vex"]["vendor.json"] = strings.Clone(texts.ConfigMaps["prod/vex"]["vendor.json"])
	if again := resolve(); &again[0] != &first[0] {
		t.Error("the same text in another place of memory was read again")
	}
	clock.SetTime(clock.Now().Add(time.Hour))
	texts.ConfigMaps["prod/vex"]["vendor.json"] = document("pkg:npm/a@2")
	if again := resolve(); len(again) != 1 || again[0].Product != "pkg:npm/a@2" {
		t.Errorf("got %d statements of the document before", len(again))
	}
	if texts.Reads != 3 {
		t.Errorf("the ConfigMap was read %d times", texts.Reads)
	}
}
