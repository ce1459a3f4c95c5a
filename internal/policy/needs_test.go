// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
)

func TestFeedsAreThoseThatRulesRead(t *testing.T) {
	for name, test := range map[string]struct {
		policy Policy
		want   []string
	}{
		"a policy without rules reads none":             {Policy{}, nil},
		"signatures read none":                          {signed(1, "ci"), nil},
		"contents read none":                            {denying(v1alpha1.SBOMDenyRule{}), nil},
		"whatever blocks reads the database":            {blocking(low), []string{FeedVulnerabilities}},
		"exploited reads the catalogue":                 {blocking(v1alpha1.BlockRule{Exploited: v1alpha1.ExploitedRansomware}), []string{FeedKEV, FeedVulnerabilities}},
		"minEPSS reads the scores":                      {blocking(v1alpha1.BlockRule{MinEPSS: "0"}), []string{FeedEPSS, FeedVulnerabilities}},
		"maxScanAge reads the database":                 {young("1h"), []string{FeedVulnerabilities}},
		"endOfLife reads the database":                  {Policy{Spec: v1alpha1.PolicySpec{Vulnerabilities: &v1alpha1.VulnerabilityRules{EndOfLife: v1alpha1.ToleranceDeny}}}, []string{FeedVulnerabilities}},
		"what is allowed reads none":                    {Policy{Spec: v1alpha1.PolicySpec{Vulnerabilities: &v1alpha1.VulnerabilityRules{EndOfLife: v1alpha1.ToleranceAllow}}}, nil},
		"several rules read each feed that one of them": {everyField(), []string{FeedEPSS, FeedKEV, FeedVulnerabilities}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Feeds(test.policy.Spec)); diff != "" {
				t.Errorf("feeds (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNeeds(t *testing.T) {
	secrets := Policy{Spec: v1alpha1.PolicySpec{Image: &v1alpha1.ImageRules{Secrets: v1alpha1.SecretsDeny}}}
	user := Policy{Spec: v1alpha1.PolicySpec{Image: &v1alpha1.ImageRules{User: v1alpha1.UserNonRoot}}}
	if NeedsSecrets([]Policy{{}, user}) || !NeedsSecrets([]Policy{user, secrets}) {
		t.Error("secrets are looked for when a policy denies them, and only then")
	}
	empty := Policy{Spec: v1alpha1.PolicySpec{SBOM: &v1alpha1.SBOMRules{}}}
	if NeedsPackages([]Policy{{}, empty}) || !NeedsPackages([]Policy{empty, denying(v1alpha1.SBOMDenyRule{})}) {
		t.Error("packages are listed when a policy denies some, and only then")
	}
}

func TestAnchorsAreThoseThatRulesReferTo(t *testing.T) {
	p := attesting()
	p.Spec.Vulnerabilities.VEX = append(p.Spec.Vulnerabilities.VEX,
		v1alpha1.VEXSource{Name: "b", AttestedBy: []v1alpha1.RuleName{"ci-again", "broken", "nobody"}}, v1alpha1.VEXSource{Name: "c", ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{}})
	for name, test := range map[string]struct {
		spec v1alpha1.PolicySpec
		want []string
	}{
		"nothing refers to nobody":                   {v1alpha1.PolicySpec{}, nil},
		"a key that signs":                           {signed(1, "ci").Spec, []string{ciAnchor}},
		"two names of one key":                       {signed(1, "ci", "ci-again").Spec, []string{ciAnchor}},
		"two identities under one trust root":        {signed(1, "builder", "team").Spec, []string{rootAnchor}},
		"what cannot be used, or is not there":       {signed(1, "broken", "nobody").Spec, nil},
		"authorities of each kind":                   {signed(1, "own", "release", "team").Spec, []string{releaseAnchor, ownAnchor, rootAnchor}},
		"those who attest":                           {demanding(v1alpha1.AttestationRule{SignedBy: []v1alpha1.RuleName{"team", "ci"}}).Spec, []string{ciAnchor, rootAnchor}},
		"those whose VEX documents are believed":     {p.Spec, []string{ciAnchor}},
		"a layout names its functionaries' own keys": {laidOut().Spec, nil},
	} {
		t.Run(name, func(t *testing.T) {
			asked := Policy{Spec: test.spec, Authorities: authorities()}
			if diff := cmp.Diff(test.want, Anchors([]Policy{asked, {}, asked})); diff != "" {
				t.Errorf("anchors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPredicateTypesAreThoseThatRulesRead(t *testing.T) {
	p, other := demanding(v1alpha1.AttestationRule{PredicateType: "https://example.com/b/v1"}), demanding(v1alpha1.AttestationRule{PredicateType: "https://example.com/a/v1"})
	if diff := cmp.Diff([]string{"https://example.com/a/v1", "https://example.com/b/v1"}, PredicateTypes([]Policy{p, {}, other, p})); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
}

func TestVEXIsNeededWhereAuthoritiesAttestIt(t *testing.T) {
	if NeedsVEX([]Policy{{}, stating(notAffected), signed(1, "ci")}) || !NeedsVEX([]Policy{{}, attesting()}) {
		t.Error("documents that are attested are looked for when a policy believes some, and only then")
	}
}
