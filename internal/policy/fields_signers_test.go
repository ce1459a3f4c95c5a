// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/predicate"
)

// signerFlips are the rows of fields on who made the image, and how.
func signerFlips() map[string]flip {
	provenance := func(rules v1alpha1.ProvenanceRules, change func(*v1alpha1.ProvenanceRules)) flip {
		return flip{
			judged{[]Policy{demanding(v1alpha1.AttestationRule{PredicateType: predicate.ProvenanceV1, SLSA: &rules})},
				attestedBy(statementBy(byKey(ciPrint), predicate.ProvenanceV1, provenanceV1)), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { change(s.Attestations[0].SLSA) }, Rejected,
		}
	}
	anything := v1alpha1.ProvenanceRules{BuildTypes: patterns("*")}
	verified := func(change func(*v1alpha1.SummaryRules)) flip {
		return flip{
			judged{[]Policy{demanding(v1alpha1.AttestationRule{PredicateType: predicate.SummaryV1, VSA: &v1alpha1.SummaryRules{Verifiers: patterns("https://example.com/*")}})},
				attestedBy(statementBy(byKey(ciPrint), predicate.SummaryV1, summary)), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { change(s.Attestations[0].VSA) }, Rejected,
		}
	}
	stated := func(predicateType, content string, change func(*v1alpha1.AttestationRule)) flip {
		return flip{
			judged{[]Policy{demanding(v1alpha1.AttestationRule{PredicateType: predicateType})}, attestedBy(statementBy(byKey(ciPrint), predicateType, content)), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { change(&s.Attestations[0]) }, Rejected,
		}
	}
	tested := flip{
		judged{[]Policy{demanding(v1alpha1.AttestationRule{PredicateType: predicate.TestResultV01, TestResult: &v1alpha1.TestResultRules{Tests: patterns("integration")}})},
			attestedBy(statementBy(byKey(ciPrint), predicate.TestResultV01, testResult)), Circumstances{}},
		func(s *v1alpha1.PolicySpec) {
			s.Attestations[0].TestResult.Tests = patterns("integration", "performance")
		}, Rejected,
	}
	scanned := flip{
		judged{[]Policy{demanding(v1alpha1.AttestationRule{PredicateType: predicate.ScanV1, Scan: &v1alpha1.ScanAttestationRules{MaxAge: "7h"}})},
			attestedBy(statementBy(byKey(ciPrint), predicate.ScanV1, scan)), Circumstances{}},
		func(s *v1alpha1.PolicySpec) { s.Attestations[0].Scan.MaxAge = "5h" }, Rejected,
	}
	lessThanProvenance := `{"builder":"ci"}`
	return map[string]flip{
		"attestations": {
			judged{[]Policy{signed(1, "ci")}, clean(), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Attestations = reviewed("ci").Spec.Attestations }, Rejected,
		},
		"attestations[].predicateType": stated(reviewType, `{}`, func(r *v1alpha1.AttestationRule) { r.PredicateType += "/" }),
		"attestations[].signedBy":      stated(reviewType, `{}`, func(r *v1alpha1.AttestationRule) { r.SignedBy = []v1alpha1.RuleName{"release"} }),
		"attestations[].slsa":          stated(predicate.ProvenanceV1, lessThanProvenance, func(r *v1alpha1.AttestationRule) { r.SLSA = &anything }),
		"attestations[].slsa.builders": provenance(anything, func(r *v1alpha1.ProvenanceRules) { r.Builders = patterns("x") }),
		"attestations[].slsa.sources":  provenance(anything, func(r *v1alpha1.ProvenanceRules) { r.Sources = patterns("https://github.com/shop/payment") }),
		"attestations[].slsa.refs":     provenance(anything, func(r *v1alpha1.ProvenanceRules) { r.Refs = patterns("refs/heads/*") }),
		"attestations[].slsa.buildTypes": provenance(anything, func(r *v1alpha1.ProvenanceRules) {
			r.BuildTypes = patterns("https://example.com/container@v2")
		}),
		"attestations[].slsa.minLevel": provenance(anything, func(r *v1alpha1.ProvenanceRules) { r.MinLevel = 2 }),
		"attestations[].scan": stated(predicate.ScanV1, `{"scanner":{}}`, func(r *v1alpha1.AttestationRule) {
			r.Scan = &v1alpha1.ScanAttestationRules{MaxAge: "7h"}
		}),
		"attestations[].scan.maxAge": scanned,
		"attestations[].vsa": stated(predicate.SummaryV1, summary, func(r *v1alpha1.AttestationRule) {
			r.VSA = &v1alpha1.SummaryRules{Verifiers: patterns("x")}
		}),
		"attestations[].vsa.verifiers": verified(func(r *v1alpha1.SummaryRules) { r.Verifiers = patterns("https://example.org/*") }),
		"attestations[].vsa.resources": verified(func(r *v1alpha1.SummaryRules) { r.Resources = patterns("*/payment") }),
		"attestations[].vsa.minLevel":  verified(func(r *v1alpha1.SummaryRules) { r.MinLevel = 3 }),
		"attestations[].testResult": stated(predicate.TestResultV01, testResult, func(r *v1alpha1.AttestationRule) {
			r.TestResult = &v1alpha1.TestResultRules{Tests: patterns("performance")}
		}),
		"attestations[].testResult.tests": tested,
		"attestations[].rule":             stated(reviewType, `{}`, func(r *v1alpha1.AttestationRule) { r.Rule = "has(predicate.reviewers)" }),
		"layouts": {
			judged{[]Policy{{Name: "a"}}, clean(), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Layouts = laidOut().Spec.Layouts }, Undetermined,
		},
		"layouts[].name": { // by which the layout is found
			judged{[]Policy{laidOut()}, followed(evidence.Checked(evidence.LayoutResult{Passed: true})), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Layouts[0].Name = "other" }, Undetermined,
		},
	}
}
