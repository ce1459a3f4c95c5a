// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keys_test

import (
	"testing"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/policy/keys/fake"
)

// TestEachFieldFlipsTheVerdict has a row for every field that is read by the resolver and not by the judge: one that changes flips the
// verdict on an image that is trusted before. The judge's own fields stand in the test of that name in package policy.
func TestEachFieldFlipsTheVerdict(t *testing.T) {
	ci, ciPrint := publicKey(t)
	release, releasePrint := publicKey(t)
	maps := map[string]map[string]string{
		"prod/keys":   {"ci.pub": ci, "release.pub": release},
		"prod/others": {"ci.pub": release},
		"prod/vex":    {"a.json": document("pkg:npm/a@1"), "b.json": document("pkg:npm/b@1")},
		"prod/vex-b":  {"a.json": document("pkg:npm/b@1")},
	}
	collected := evidence.Evidence{
		Signatures: map[string]evidence.Fact[evidence.Signature]{
			ciPrint:      evidence.Checked(evidence.Signature{Verified: true}),
			releasePrint: evidence.Checked(evidence.Signature{}),
		},
		Platforms: []evidence.Platform{{
			Inventory: evidence.Checked(evidence.Inventory{Packages: 1}),
			Findings:  evidence.Checked([]evidence.Finding{{ID: "CVE-2026-1", Package: "a", Version: "1", PURL: "pkg:npm/a@1", Severity: evidence.SeverityHigh}}),
		}},
	}
	inlined, referred := counting(namespaced, inline("ci", ci)), counting(namespaced, referring("ci", "keys", "ci.pub"))
	stated := stating(namespaced, "vex", "a.json")
	stated.Spec.Vulnerabilities.Block = []v1alpha1.BlockRule{{Name: "all", MinSeverity: v1alpha1.SeverityLow}}
	for path, test := range map[string]struct {
		before policy.Policy
		change func(*v1alpha1.PolicySpec)
		after  policy.Outcome
	}{
		"authorities":                                {inlined, func(s *v1alpha1.PolicySpec) { s.Authorities = nil }, policy.Undetermined},
		"authorities[].name":                         {inlined, func(s *v1alpha1.PolicySpec) { s.Authorities[0].Name = "other" }, policy.Undetermined},
		"authorities[].key":                          {inlined, func(s *v1alpha1.PolicySpec) { s.Authorities[0].Key = nil }, policy.Undetermined},
		"authorities[].key.inline":                   {inlined, func(s *v1alpha1.PolicySpec) { s.Authorities[0].Key.Inline = release }, policy.Rejected},
		"authorities[].key.configMapKeyRef":          {referred, func(s *v1alpha1.PolicySpec) { s.Authorities[0].Key.ConfigMapKeyRef = nil }, policy.Undetermined},
		"authorities[].key.configMapKeyRef.name":     {referred, func(s *v1alpha1.PolicySpec) { s.Authorities[0].Key.ConfigMapKeyRef.Name = "others" }, policy.Rejected},
		"authorities[].key.configMapKeyRef.key":      {referred, func(s *v1alpha1.PolicySpec) { s.Authorities[0].Key.ConfigMapKeyRef.Key = "release.pub" }, policy.Rejected},
		"vulnerabilities.vex[].configMapKeyRef":      {stated, func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.VEX[0].ConfigMapKeyRef = nil }, policy.Undetermined},
		"vulnerabilities.vex[].configMapKeyRef.name": {stated, func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.VEX[0].ConfigMapKeyRef.Name = "vex-b" }, policy.Rejected},
		"vulnerabilities.vex[].configMapKeyRef.key":  {stated, func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.VEX[0].ConfigMapKeyRef.Key = "b.json" }, policy.Rejected},
	} {
		t.Run(path, func(t *testing.T) {
			resolver := keys.Resolver{ConfigMaps: &fake.ConfigMaps{Data: maps}}
			judge := func(spec v1alpha1.PolicySpec) policy.Verdict {
				t.Helper()
				p := test.before
				p.Spec = spec
				set, err := resolver.Resolve(t.Context(), []policy.Policy{p})
				if err != nil {
					t.Fatal(err)
				}
				return policy.Judge(set.Policies, collected, policy.Circumstances{})
			}
			if before := judge(test.before.Spec); before.Outcome != policy.Trusted {
				t.Fatalf("before: %s: %s", before.Outcome, before.Message())
			}
			changed := test.before.Spec.DeepCopy()
			test.change(changed)
			if after := judge(*changed); after.Outcome != test.after {
				t.Errorf("after: %s: %s", after.Outcome, after.Message())
			}
		})
	}
}
