// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/predicate"
)

// reviewType is the predicate type of a statement that Assay knows nothing of.
const reviewType = "https://example.com/review/v1"

// demanding returns a policy with one rule on attestations, by ci unless the rule says otherwise.
func demanding(rule v1alpha1.AttestationRule) Policy {
	rule.Name = "rule"
	if rule.SignedBy == nil {
		rule.SignedBy = []v1alpha1.RuleName{"ci"}
	}
	return Policy{
		Name: "prod/strict", Namespace: "prod", Authorities: authorities(),
		Spec: v1alpha1.PolicySpec{Attestations: []v1alpha1.AttestationRule{rule}},
	}
}

// reviewed demands a review that one of them signed.
func reviewed(by ...v1alpha1.RuleName) Policy {
	return demanding(v1alpha1.AttestationRule{PredicateType: reviewType, SignedBy: by})
}

// attestedBy returns clean evidence with statements that ci signed.
func attestedBy(statements ...evidence.Signed) evidence.Evidence {
	return under(ciAnchor, found(statements...))
}

// review is one by ci.
func review(content string, manifests ...image.Digest) evidence.Signed {
	return statementBy(byKey(ciPrint), reviewType, content, manifests...)
}

func TestAttestations(t *testing.T) {
	const nothing = "no attestation of type " + reviewType + "; attach one with cosign attest; found by "
	unlooked := func(statements ...evidence.Signed) evidence.Evidence {
		return under(ciAnchor, evidence.Statements{Signed: statements, Rest: evidence.Unchecked[string](v1alpha1.ReasonRegistryUnavailable, "gone")})
	}
	unread := review(`{}`)
	unread.Statement = nil
	malformed := review(`{}`)
	malformed.Statement = []byte(`{"_type":"x"}`)
	link := review(`{}`)
	link.Manifests = nil
	both := func(e evidence.Evidence) evidence.Evidence {
		return with(e, func(e *evidence.Evidence) { e.Platforms = append(e.Platforms, platform("linux/arm64")) })
	}
	amd64, arm64 := platform("linux/amd64").Manifest, platform("linux/arm64").Manifest
	// Which of both fields a statement meets.
	halves := demanding(v1alpha1.AttestationRule{PredicateType: reviewType, Rule: "predicate.tests == 'green' && predicate.reviewer == 'team'"})
	trusted := expected{Trusted, v1alpha1.ReasonPolicyPassed, "", time.Time{}}
	missing := func(found string) expected {
		return expected{Rejected, v1alpha1.ReasonAttestationMissing, nothing + found, time.Time{}}
	}
	unknown := func(reason, message string) expected { return expected{Undetermined, reason, message, time.Time{}} }
	for name, test := range map[string]struct {
		policy   Policy
		evidence evidence.Evidence
		want     expected
	}{
		"a statement by the authority":                {reviewed("ci"), attestedBy(review(`{}`)), trusted},
		"one that is absent rejects":                  {reviewed("ci"), clean(), missing("ci (none)")},
		"a signature is no statement":                 {reviewed("release"), under(releaseAnchor, found(signatureBy(byKey(releasePrint)))), missing("release (none)")},
		"one by a stranger is ignored":                {reviewed("ci"), under(releaseAnchor, found(statementBy(byKey(releasePrint), reviewType, `{}`))), missing("ci (none)")},
		"strangers are told of":                       {reviewed("ci"), under(ciAnchor, evidence.Statements{Rest: evidence.Checked("2 attestations by others")}), missing("ci (2 attestations by others)")},
		"one by another identity under the same root": {reviewed("team"), under(rootAnchor, found(statementBy(workflow(), reviewType, `{}`))), missing("team (one does not count: its issuer is " + githubIssuer + ", want " + teamIssuer + ")")},
		"one by the identity":                         {reviewed("team"), under(rootAnchor, found(statementBy(workflow(), reviewType, `{}`), statementBy(team(), reviewType, `{}`))), trusted},
		"any of the authorities will do":              {reviewed("release", "ci", "broken"), attestedBy(review(`{}`)), trusted},
		"each is told of":                             {reviewed("release", "ci"), clean(), missing("ci (none), release (none)")},
		"one under a chain of one's own, while it is valid": {reviewed("own"), under(ownAnchor, found(statementBy(own(yesterday, tomorrow), reviewType, `{}`))),
			expected{Trusted, v1alpha1.ReasonPolicyPassed, "", tomorrow}},
		"under a chain that is not valid yet": {reviewed("own"), under(ownAnchor, found(statementBy(own(tomorrow, tomorrow.Add(time.Hour)), reviewType, `{}`))),
			expected{Rejected, v1alpha1.ReasonAttestationMissing, nothing + "own (one does not count: its chain of certificates is valid from 2026-11-22T12:00:00Z to 2026-11-22T13:00:00Z only, " +
				"and no timestamp says that it was signed then)", tomorrow}},
		"an authority that cannot be used leaves it open":     {reviewed("broken"), attestedBy(review(`{}`)), unknown(v1alpha1.ReasonKeyNotFound, "authority broken: ConfigMap keys does not exist")},
		"an authority that the policy does not have, too":     {reviewed("nobody"), attestedBy(review(`{}`)), unknown(v1alpha1.ReasonSignatureUnchecked, "authority nobody: what it is made of was not looked at yet")},
		"a look that failed leaves it open":                   {reviewed("ci"), unlooked(), unknown(v1alpha1.ReasonRegistryUnavailable, "authority ci: gone")},
		"but not what was found all the same":                 {reviewed("ci"), unlooked(review(`{}`)), trusted},
		"what nobody looked for is open":                      {reviewed("unseen"), clean(), unknown(v1alpha1.ReasonAttestationUnchecked, "authority unseen: its attestations were not looked for yet")},
		"a statement that nobody read is open":                {reviewed("ci"), attestedBy(unread), unknown(v1alpha1.ReasonAttestationUnchecked, "ci states it, but the statement was not read yet")},
		"a statement that cannot be parsed is refused":        {reviewed("ci"), attestedBy(malformed), expected{Rejected, v1alpha1.ReasonAttestationRefused, `ci states it, but malformed statement: its type is "x", want https://in-toto.io/Statement/v1`, time.Time{}}},
		"a link, which is about anything, is none":            {reviewed("ci"), attestedBy(link), missing("ci (none)")},
		"about another image":                                 {reviewed("ci"), attestedBy(review(`{}`, image.DigestOf([]byte("other")))), expected{Rejected, v1alpha1.ReasonAttestationMissing, "only some platforms of the image are attested; attest the image itself, or each platform", time.Time{}}},
		"SEC-10: about the index":                             {reviewed("ci"), both(attestedBy(review(`{}`))), trusted},
		"SEC-10: about each platform":                         {reviewed("ci"), both(attestedBy(review(`{}`, amd64), review(`{}`, arm64))), trusted},
		"SEC-10: about each platform in one":                  {reviewed("ci"), both(attestedBy(review(`{}`, amd64, arm64))), trusted},
		"SEC-10: about one platform of one":                   {reviewed("ci"), attestedBy(review(`{}`, amd64)), trusted},
		"SEC-10: about some platforms is not about the image": {reviewed("ci"), both(attestedBy(review(`{}`, amd64))), expected{Rejected, v1alpha1.ReasonAttestationMissing, "only some platforms of the image are attested; attest the image itself, or each platform", time.Time{}}},
		"SEC-10: about each, by different authorities": {reviewed("ci", "team"), both(with(attestedBy(review(`{}`, amd64)), func(e *evidence.Evidence) {
			e.Signed[rootAnchor] = found(statementBy(team(), reviewType, `{}`, arm64))
		})), trusted},
		"SEC-10: about one, with another that nobody could look for": {reviewed("ci"), both(unlooked(review(`{}`, amd64))), unknown(v1alpha1.ReasonRegistryUnavailable, "authority ci: gone")},
		"SEC-29: one statement that meets all":                       {halves, attestedBy(review(`{"tests":"red","reviewer":"team"}`), review(`{"tests":"green","reviewer":"team"}`)), trusted},
		"SEC-29: two halves are no whole":                            {halves, attestedBy(review(`{"tests":"red","reviewer":"team"}`), review(`{"tests":"green","reviewer":"x"}`)), expected{Rejected, v1alpha1.ReasonAttestationRefused, "ci states it, but its rule is not true: predicate.tests == 'green' && predicate.reviewer == 'team'", time.Time{}}},
		"SEC-29: not even of two platforms": {halves, both(attestedBy(review(`{"tests":"green","reviewer":"team"}`, amd64), review(`{"tests":"green","reviewer":"x"}`, arm64))),
			expected{Rejected, v1alpha1.ReasonAttestationRefused, "ci states it, but its rule is not true: predicate.tests == 'green' && predicate.reviewer == 'team'", time.Time{}}},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.check(t, judged{[]Policy{test.policy}, test.evidence, Circumstances{}}.verdict())
		})
	}
}

// plain has a predicate of each type that passes by itself.
var plain = map[string]string{
	predicate.ProvenanceV02: provenanceV02, predicate.ProvenanceV1: provenanceV1, predicate.SummaryV1: summary, predicate.TestResultV01: testResult,
	predicate.ScanV1: scan, predicate.SPDX: spdx, predicate.CycloneDX: cycloneDX, reviewType: `{}`,
}

// TestSEC22AStatementOfOneTypeIsNoneOfAnother for the advisories CVE-2022-35929 and CVE-2022-35930.
func TestSEC22AStatementOfOneTypeIsNoneOfAnother(t *testing.T) {
	for wanted := range plain {
		for stated, content := range plain {
			t.Run(fmt.Sprintf("wanted %s, stated %s", wanted, stated), func(t *testing.T) {
				got := judged{[]Policy{demanding(v1alpha1.AttestationRule{PredicateType: wanted})}, attestedBy(statementBy(byKey(ciPrint), stated, content)), Circumstances{}}.verdict()
				want, reason := Rejected, v1alpha1.ReasonAttestationMissing
				if wanted == stated {
					want, reason = Trusted, v1alpha1.ReasonPolicyPassed
				}
				if got.Outcome != want || got.Reason() != reason {
					t.Errorf("%s: %s", got.Outcome, got.Message())
				}
			})
		}
		for name, change := range map[string]func(string) string{
			"a slash at its end": func(s string) string { return s + "/" },
			"another case":       strings.ToUpper,
			"a space":            func(s string) string { return s + " " },
			"a fragment":         func(s string) string { return s + "#" },
		} {
			t.Run(wanted+" with "+name, func(t *testing.T) {
				other := statementBy(byKey(ciPrint), change(wanted), plain[wanted])
				got := judged{[]Policy{demanding(v1alpha1.AttestationRule{PredicateType: wanted})}, attestedBy(other), Circumstances{}}.verdict()
				if got.Reason() != v1alpha1.ReasonAttestationMissing {
					t.Errorf("%s: %s", got.Outcome, got.Message())
				}
			})
		}
	}
}
