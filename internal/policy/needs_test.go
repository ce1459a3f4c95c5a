// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
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

func TestVEXFingerprintsAreThoseThatSourcesName(t *testing.T) {
	p := attesting()
	p.Spec.Vulnerabilities.VEX = append(p.Spec.Vulnerabilities.VEX,
		v1alpha1.VEXSource{Name: "b", AttestedBy: []v1alpha1.RuleName{"ci-again", "broken", "release"}}, v1alpha1.VEXSource{Name: "c", ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{}})
	p.Spec.Signatures = []v1alpha1.SignatureRule{{Name: "a", AnyOf: []v1alpha1.RuleName{"unseen"}}}
	p.Authorities["unseen"] = evidence.Checked("44")
	if diff := cmp.Diff([]string{"11", "22"}, VEXFingerprints([]Policy{p, {}, p})); diff != "" {
		t.Errorf("fingerprints (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"44"}, Fingerprints([]Policy{p})); diff != "" {
		t.Errorf("fingerprints of signatures (-want +got):\n%s", diff)
	}
}
