// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"testing"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// everyField returns a policy in which every field is set.
func everyField() Policy {
	return Policy{
		Name:       "production",
		Namespaces: []v1alpha1.NamespacePattern{"prod", "*-prod"},
		Spec: v1alpha1.PolicySpec{
			Images: []v1alpha1.ImagePattern{"registry.example.com/shop/**"},
			Vulnerabilities: &v1alpha1.VulnerabilityRules{Block: []v1alpha1.BlockRule{
				{Name: "exploited", Exploited: v1alpha1.ExploitedKnown},
				{Name: "fixable", MinSeverity: v1alpha1.SeverityCritical, Fix: v1alpha1.FixAvailable},
			}},
			Authorities: []v1alpha1.Authority{{Name: "ci"}, {Name: "release"}, {Name: "unused"}},
			Signatures: []v1alpha1.SignatureRule{
				{Name: "built", AnyOf: []v1alpha1.RuleName{"ci"}},
				{Name: "released", AnyOf: []v1alpha1.RuleName{"ci", "release"}, Threshold: 2},
			},
			Image:     &v1alpha1.ImageRules{User: v1alpha1.UserNonRoot},
			Promotion: &v1alpha1.PromotionRules{From: &v1alpha1.PromotionFrom{Namespaces: []v1alpha1.NamespacePattern{"staging", "*-staging"}}},
			Admission: &v1alpha1.AdmissionRules{Mode: v1alpha1.AdmissionEnforce},
		},
		Authorities: map[v1alpha1.RuleName]evidence.Fact[string]{
			"ci": evidence.Checked("11"), "release": evidence.Checked("22"), "unused": evidence.Checked("33"),
		},
	}
}

// deep copies everything of the policy that a test may change.
func deep(p Policy) Policy {
	p.Spec = *p.Spec.DeepCopy()
	p.Namespaces = slices.Clone(p.Namespaces)
	authorities := map[v1alpha1.RuleName]evidence.Fact[string]{}
	for name, key := range p.Authorities {
		authorities[name] = key
	}
	p.Authorities = authorities
	return p
}

func TestHashDoesNotDependOn(t *testing.T) {
	for name, change := range map[string]func(*Policy){
		"admission.mode":                       func(p *Policy) { p.Spec.Admission.Mode = v1alpha1.AdmissionAudit },
		"a missing admission":                  func(p *Policy) { p.Spec.Admission = nil },
		"images":                               func(p *Policy) { p.Spec.Images = nil },
		"namespaces":                           func(p *Policy) { p.Namespaces = nil },
		"the order of block":                   func(p *Policy) { slices.Reverse(p.Spec.Vulnerabilities.Block) },
		"the order of signatures":              func(p *Policy) { slices.Reverse(p.Spec.Signatures) },
		"the order of anyOf":                   func(p *Policy) { slices.Reverse(p.Spec.Signatures[1].AnyOf) },
		"the order of authorities":             func(p *Policy) { slices.Reverse(p.Spec.Authorities) },
		"the order of promotion.from":          func(p *Policy) { slices.Reverse(p.Spec.Promotion.From.Namespaces) },
		"a default that is written out":        func(p *Policy) { p.Spec.Signatures[0].Threshold = 1 },
		"an authority that no rule counts":     func(p *Policy) { p.Authorities["unused"] = evidence.Checked("44") },
		"where the key of an authority stands": func(p *Policy) { p.Spec.Authorities[0].Key = &v1alpha1.KeySource{Inline: "PEM"} },
		"why a key cannot be used when it can": func(p *Policy) {
			p.Authorities["ci"] = evidence.Fact[string]{State: evidence.Known, Value: "11", Message: "words"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			changed := deep(everyField())
			change(&changed)
			if Hash([]Policy{changed}) != Hash([]Policy{everyField()}) {
				t.Error("the hash changed")
			}
		})
	}
}

func TestHashDependsOn(t *testing.T) {
	seen := map[string]string{Hash([]Policy{everyField()}).String(): "the policy itself"}
	for name, change := range map[string]func(*Policy){
		"the policy's name":          func(p *Policy) { p.Name = "other" },
		"a block rule's name":        func(p *Policy) { p.Spec.Vulnerabilities.Block[0].Name = "kev" },
		"a block rule less":          func(p *Policy) { p.Spec.Vulnerabilities.Block = p.Spec.Vulnerabilities.Block[1:] },
		"minSeverity":                func(p *Policy) { p.Spec.Vulnerabilities.Block[1].MinSeverity = v1alpha1.SeverityHigh },
		"fix":                        func(p *Policy) { p.Spec.Vulnerabilities.Block[1].Fix = "" },
		"exploited":                  func(p *Policy) { p.Spec.Vulnerabilities.Block[1].Exploited = v1alpha1.ExploitedKnown },
		"a signature rule less":      func(p *Policy) { p.Spec.Signatures = p.Spec.Signatures[1:] },
		"anyOf":                      func(p *Policy) { p.Spec.Signatures[1].AnyOf = p.Spec.Signatures[1].AnyOf[1:] },
		"threshold":                  func(p *Policy) { p.Spec.Signatures[1].Threshold = 1 },
		"the key of an authority":    func(p *Policy) { p.Authorities["ci"] = evidence.Checked("99") },
		"a key that cannot be used":  func(p *Policy) { p.Authorities["ci"] = evidence.Unchecked[string]("InvalidKey", "words") },
		"image.user":                 func(p *Policy) { p.Spec.Image.User = "" },
		"promotion.from":             func(p *Policy) { p.Spec.Promotion.From.Namespaces[0] = "qa" },
		"promotion.from that is not": func(p *Policy) { p.Spec.Promotion.From = nil },
	} {
		t.Run(name, func(t *testing.T) {
			changed := deep(everyField())
			change(&changed)
			hash := Hash([]Policy{changed}).String()
			if other, found := seen[hash]; found {
				t.Errorf("the same hash as with a change of %s", other)
			}
			seen[hash] = name
		})
	}
}

func TestHashOfSeveralPolicies(t *testing.T) {
	a, b := everyField(), everyField()
	b.Name = "prod/strict"
	if Hash([]Policy{a, b}) != Hash([]Policy{b, a}) {
		t.Error("the hash depends on the order of policies")
	}
	if Hash([]Policy{a, b}) == Hash([]Policy{a}) || Hash(nil) == Hash([]Policy{a}) {
		t.Error("the hash does not depend on how many policies there are")
	}
}

// The hash stands in statuses and seals; another hash of the same rules has every image judged and sealed anew.
func TestHashIsStable(t *testing.T) {
	const want = "sha256:f781f74a97f02b466ac7d7bab92eb8e0b780ddfcde1b74d17d8400940bd54ccf"
	if got := Hash([]Policy{everyField()}).String(); got != want {
		t.Errorf("got %s, want %s: another form needs another hashFormat", got, want)
	}
}
