// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// hashFormat names the form of what is hashed. Another form needs another name.
const hashFormat = "assay.dev/policies/v2"

// The canonical form of policies: whatever can change a verdict or a promotion, sorted, and nothing else. What is not set is not
// written, so that a field that comes to be later leaves the hash of policies without it as it was.
type (
	canonicalPolicies struct {
		Format   string            `json:"format"`
		Policies []canonicalPolicy `json:"policies"`
	}
	canonicalPolicy struct {
		Name            string                      `json:"name"`
		Block           []v1alpha1.BlockRule        `json:"block,omitempty"`
		Vulnerabilities *canonicalVulnerabilities   `json:"vulnerabilities,omitempty"`
		Deny            []v1alpha1.SBOMDenyRule     `json:"deny,omitempty"`
		Signatures      []canonicalSignatureRule    `json:"signatures,omitempty"`
		Attestations    []canonicalAttestationRule  `json:"attestations,omitempty"`
		Layouts         []canonicalLayoutRule       `json:"layouts,omitempty"`
		User            v1alpha1.UserRequirement    `json:"user,omitempty"`
		Secrets         v1alpha1.SecretsRequirement `json:"secrets,omitempty"`
		From            []v1alpha1.NamespacePattern `json:"from,omitempty"`
		HasFrom         bool                        `json:"hasFrom,omitempty"`
	}
	canonicalSignatureRule struct {
		Name        v1alpha1.RuleName    `json:"name"`
		Threshold   int32                `json:"threshold"`
		Authorities []canonicalAuthority `json:"authorities"`
	}
	// canonicalAttestationRule is the rule without the names of its authorities, which stand beside it.
	canonicalAttestationRule struct {
		Rule        v1alpha1.AttestationRule `json:"rule"`
		Authorities []canonicalAuthority     `json:"authorities"`
	}
	// canonicalLayoutRule has no layout when it cannot be used.
	canonicalLayoutRule struct {
		Name   v1alpha1.RuleName `json:"name"`
		Layout string            `json:"layout"`
	}
	// canonicalAuthority has no ID when the authority cannot be used.
	canonicalAuthority struct {
		Name v1alpha1.RuleName `json:"name"`
		ID   string            `json:"id"`
	}
)

// Hash names the rules of the policies, with the fingerprints of their keys and what their VEX documents state. It does not depend on any order, nor on
// fields that change no verdict, such as admission.mode, or that say only of what a policy speaks.
func Hash(policies []Policy) image.Digest {
	canonical := canonicalPolicies{Format: hashFormat}
	for _, p := range sorted(policies) {
		canonical.Policies = append(canonical.Policies, canonicalise(p))
	}
	content, err := json.Marshal(canonical)
	if err != nil { // Strings, numbers and lists of them can always be written.
		panic(err)
	}
	return image.DigestOf(content)
}

func canonicalise(p Policy) canonicalPolicy {
	canonical := canonicalPolicy{Name: p.Name}
	if rules := p.Spec.Vulnerabilities; rules != nil {
		canonical.Block = byName(rules.Block, func(r v1alpha1.BlockRule) v1alpha1.RuleName { return r.Name })
		canonical.Vulnerabilities = canonicaliseVulnerabilities(p, *rules)
	}
	if rules := p.Spec.SBOM; rules != nil {
		for _, rule := range byName(rules.Deny, func(r v1alpha1.SBOMDenyRule) v1alpha1.RuleName { return r.Name }) {
			rule.Packages, rule.Licenses = inOrder(rule.Packages), inOrder(rule.Licenses)
			canonical.Deny = append(canonical.Deny, rule)
		}
	}
	for _, rule := range byName(p.Spec.Signatures, func(r v1alpha1.SignatureRule) v1alpha1.RuleName { return r.Name }) {
		canonical.Signatures = append(canonical.Signatures, canonicaliseSignatures(p, rule))
	}
	for _, rule := range byName(p.Spec.Attestations, func(r v1alpha1.AttestationRule) v1alpha1.RuleName { return r.Name }) {
		canonical.Attestations = append(canonical.Attestations, canonicaliseAttestation(p, rule))
	}
	for _, rule := range byName(p.Spec.Layouts, func(r v1alpha1.LayoutRule) v1alpha1.RuleName { return r.Name }) {
		canonical.Layouts = append(canonical.Layouts, canonicalLayoutRule{rule.Name, p.Layouts[rule.Name].Value})
	}
	if rules := p.Spec.Image; rules != nil {
		canonical.User, canonical.Secrets = rules.User, rules.Secrets
	}
	if rules := p.Spec.Promotion; rules != nil && rules.From != nil {
		canonical.HasFrom = true
		canonical.From = inOrder(rules.From.Namespaces)
	}
	return canonical
}

func canonicaliseSignatures(p Policy, rule v1alpha1.SignatureRule) canonicalSignatureRule {
	return canonicalSignatureRule{Name: rule.Name, Threshold: threshold(rule), Authorities: canonicaliseAuthorities(p, rule.AnyOf)}
}

func canonicaliseAuthorities(p Policy, names []v1alpha1.RuleName) []canonicalAuthority {
	var canonical []canonicalAuthority
	for _, name := range inOrder(names) {
		authority := canonicalAuthority{Name: name}
		if believed := p.Authorities[name]; believed.State == evidence.Known {
			authority.ID = believed.Value.ID
		}
		canonical = append(canonical, authority)
	}
	return canonical
}

func canonicaliseAttestation(p Policy, rule v1alpha1.AttestationRule) canonicalAttestationRule {
	canonical := canonicalAttestationRule{Authorities: canonicaliseAuthorities(p, rule.SignedBy)}
	rule = *rule.DeepCopy()
	rule.SignedBy = nil
	for _, set := range attestedPatterns(rule) {
		slices.Sort(*set)
	}
	canonical.Rule = rule
	return canonical
}

// attestedPatterns returns the rule's sets of patterns.
func attestedPatterns(rule v1alpha1.AttestationRule) []*[]v1alpha1.AttestedPattern {
	var sets []*[]v1alpha1.AttestedPattern
	if rules := rule.SLSA; rules != nil {
		sets = append(sets, &rules.Builders, &rules.Sources, &rules.Refs, &rules.BuildTypes)
	}
	if rules := rule.VSA; rules != nil {
		sets = append(sets, &rules.Verifiers, &rules.Resources)
	}
	if rules := rule.TestResult; rules != nil {
		sets = append(sets, &rules.Tests)
	}
	return sets
}

// inOrder returns the members of a set in their one order.
func inOrder[S ~string](set []S) []S { return slices.Sorted(slices.Values(set)) }

// byName returns the rules of a list that is a map by name in their one order.
func byName[R any](rules []R, name func(R) v1alpha1.RuleName) []R {
	return slices.SortedStableFunc(slices.Values(rules), func(a, b R) int { return cmp.Compare(name(a), name(b)) })
}
