// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/predicate"
	"github.com/assay-dev/assay/test/shareddata"
)

const (
	summary = `{"verifier":{"id":"https://example.com/verifier"},"timeVerified":"2026-11-01T06:00:00Z","resourceUri":"oci://registry.example.com/shop/checkout",
		"policy":{"uri":"https://example.com/policy"},"verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_2","SLSA_SOURCE_LEVEL_3"]}`
	testResult = `{"result":"PASSED","configuration":[],"passedTests":["unit/linux","integration"],"warnedTests":["lint"],"failedTests":["flaky"]}`
	scan       = `{"scanner":{"uri":"pkg:github/aquasecurity/trivy","version":"0.72.0","db":{},"result":{}},
		"metadata":{"scanStartedOn":"2026-11-21T05:00:00Z","scanFinishedOn":"2026-11-21T06:00:00Z"}}`
	spdx      = `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","packages":[]}`
	cycloneDX = `{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}`
)

func TestStatements(t *testing.T) {
	vsa := func(rules v1alpha1.SummaryRules) v1alpha1.AttestationRule {
		return v1alpha1.AttestationRule{PredicateType: predicate.SummaryV1, VSA: &rules}
	}
	verifier := patterns("https://example.com/*")
	tests := func(list ...v1alpha1.AttestedPattern) v1alpha1.AttestationRule {
		return v1alpha1.AttestationRule{PredicateType: predicate.TestResultV01, TestResult: &v1alpha1.TestResultRules{Tests: list}}
	}
	sbom := func(predicateType string) v1alpha1.AttestationRule {
		return v1alpha1.AttestationRule{PredicateType: predicateType}
	}
	failedIn := func(content, passed string) string { return strings.Replace(content, passed, "FAILED", 1) }
	for name, test := range map[string]struct {
		rule    v1alpha1.AttestationRule
		content string
		refused string // why; nothing when it is not
	}{
		"a summary that passed":                          {v1alpha1.AttestationRule{PredicateType: predicate.SummaryV1}, summary, ""},
		"a summary that failed":                          {v1alpha1.AttestationRule{PredicateType: predicate.SummaryV1}, failedIn(summary, "PASSED"), "its result is FAILED, want PASSED"},
		"a summary that failed, whoever verified":        {vsa(v1alpha1.SummaryRules{Verifiers: verifier}), failedIn(summary, "PASSED"), "its result is FAILED, want PASSED"},
		"a summary by the verifier":                      {vsa(v1alpha1.SummaryRules{Verifiers: verifier}), summary, ""},
		"a summary by another verifier":                  {vsa(v1alpha1.SummaryRules{Verifiers: patterns("https://example.com")}), summary, "its verifier is https://example.com/verifier, want https://example.com"},
		"a summary of the resource":                      {vsa(v1alpha1.SummaryRules{Verifiers: verifier, Resources: patterns("x", "oci://registry.example.com/shop/*")}), summary, ""},
		"a summary of another resource":                  {vsa(v1alpha1.SummaryRules{Verifiers: verifier, Resources: patterns("oci://registry.example.com/*/payment")}), summary, "its resource is oci://registry.example.com/shop/checkout, want oci://registry.example.com/*/payment"},
		"a summary of no resource":                       {vsa(v1alpha1.SummaryRules{Verifiers: verifier, Resources: patterns("oci://*")}), strings.Replace(summary, "oci://registry.example.com/shop/checkout", "", 1), "it names no resource, want oci://*"},
		"a summary of the level":                         {vsa(v1alpha1.SummaryRules{Verifiers: verifier, MinLevel: 2}), summary, ""},
		"a summary of too low a level":                   {vsa(v1alpha1.SummaryRules{Verifiers: verifier, MinLevel: 3}), summary, "it verified SLSA build level 2, want 3"},
		"a summary without verifiers that are any":       {vsa(v1alpha1.SummaryRules{}), summary, "its verifier is https://example.com/verifier, want nothing"},
		"a summary that is none":                         {v1alpha1.AttestationRule{PredicateType: predicate.SummaryV1}, `{}`, "verification summary: malformed: it names no verifier"},
		"tests that passed":                              {v1alpha1.AttestationRule{PredicateType: predicate.TestResultV01}, testResult, ""},
		"tests that failed":                              {v1alpha1.AttestationRule{PredicateType: predicate.TestResultV01}, failedIn(testResult, "PASSED"), "its result is FAILED, want PASSED"},
		"tests that warned":                              {tests("integration"), strings.Replace(testResult, "PASSED", "WARNED", 1), "its result is WARNED, want PASSED"},
		"the tests":                                      {tests("unit/*", "integration"), testResult, ""},
		"a test that is not there":                       {tests("integration", "performance"), testResult, "test performance is not among those that passed"},
		"a test that warned":                             {tests("lint"), testResult, "test lint is not among those that passed"},
		"a test that failed":                             {tests("flaky"), testResult, "test flaky is not among those that passed"},
		"a test result that is none":                     {tests("integration"), `{}`, `test result: malformed: its result is "", want PASSED, WARNED or FAILED`},
		"an SPDX document":                               {sbom(predicate.SPDX), spdx, ""},
		"an SPDX document of a version":                  {sbom(predicate.SPDX + "/v2.3"), spdx, ""},
		"an SPDX document that is none":                  {sbom(predicate.SPDX), cycloneDX, "SBOM: malformed: it is no SPDX document of version 2 or 3"},
		"a CycloneDX document":                           {sbom(predicate.CycloneDX), cycloneDX, ""},
		"a CycloneDX document in cosign's old form":      {sbom(predicate.CycloneDX), `{"Data":` + cycloneDX + `}`, ""},
		"a CycloneDX document that is none":              {sbom(predicate.CycloneDX), `{}`, "SBOM: malformed: it is no CycloneDX document of version 1"},
		"a type that begins like an SBOM's":              {sbom(predicate.CycloneDX + "x"), cycloneDX, `malformed SBOM: its type is "https://cyclonedx.org/bomx", want https://spdx.dev/Document or https://cyclonedx.org/bom`},
		"a rule beside the fields, that holds":           {withRule(vsa(v1alpha1.SummaryRules{Verifiers: verifier}), "predicate.policy.uri == 'https://example.com/policy'"), summary, ""},
		"a rule beside the fields, that does not":        {withRule(vsa(v1alpha1.SummaryRules{Verifiers: verifier}), "predicate.policy.uri == 'x'"), summary, "its rule is not true: predicate.policy.uri == 'x'"},
		"a rule that holds beside a field that does not": {withRule(vsa(v1alpha1.SummaryRules{Verifiers: patterns("x")}), "true"), summary, "its verifier is https://example.com/verifier, want x"},
	} {
		t.Run(name, func(t *testing.T) {
			outcome, why := judgeStatement(test.rule, workflow(), test.content)
			if (outcome == Trusted) != (test.refused == "") || why != test.refused {
				t.Errorf("got  %s: %s\nwant %s", outcome, why, test.refused)
			}
		})
	}
}

func TestScansAge(t *testing.T) {
	finished := func(at time.Time) string {
		return strings.Replace(scan, "2026-11-21T06:00:00Z", at.Format(time.RFC3339), 1)
	}
	outdated := func(why string, until time.Time) expected {
		return expected{Rejected, v1alpha1.ReasonAttestationOutdated, "ci states it, but " + why, until}
	}
	young := func(until time.Time) expected { return expected{Trusted, v1alpha1.ReasonPolicyPassed, "", until} }
	for name, test := range map[string]struct {
		contents []string
		want     expected
	}{
		"a scan that is young enough, until it is not": {[]string{finished(yesterday.Add(time.Second))}, young(now.Add(time.Second))},
		"one that is just too old":                     {[]string{finished(yesterday)}, outdated("the scan ended at 2026-11-20T12:00:00Z, which is longer ago than scan.maxAge 24h; scan it again", time.Time{})},
		"one that ends now":                            {[]string{finished(now)}, young(tomorrow)},
		"one by a clock that is ahead":                 {[]string{finished(now.Add(5 * time.Minute))}, young(tomorrow.Add(5 * time.Minute))},
		"one that is too far in the future":            {[]string{finished(now.Add(time.Hour))}, outdated("the scan ends in the future, at 2026-11-21T13:00:00Z", now.Add(55*time.Minute))},
		"one that does not say when":                   {[]string{strings.Replace(scan, "2026-11-21T06:00:00Z", "", 1)}, outdated("it does not say when the scan ended", time.Time{})},
		"one that was only begun":                      {[]string{strings.Replace(scan, "scanFinishedOn", "scanFinished", 1)}, outdated("it does not say when the scan ended", time.Time{})},
		"an old one and a young one":                   {[]string{finished(yesterday), finished(now)}, young(tomorrow)},
		"one that is none":                             {[]string{`{}`}, expected{Rejected, v1alpha1.ReasonAttestationRefused, "ci states it, but vulnerability scan: malformed: it names no scanner", time.Time{}}},
	} {
		for _, predicateType := range []string{predicate.ScanV1, predicate.ScanOld} {
			t.Run(name+", "+predicateType, func(t *testing.T) {
				p := demanding(v1alpha1.AttestationRule{PredicateType: predicateType, Scan: &v1alpha1.ScanAttestationRules{MaxAge: "24h"}})
				e := clean()
				for _, content := range test.contents {
					statements := e.Signed[ciAnchor]
					statements.Signed = append(statements.Signed, statementBy(byKey(ciPrint), predicateType, content))
					e.Signed[ciAnchor] = statements
				}
				test.want.check(t, judged{[]Policy{p}, e, Circumstances{}}.verdict())
			})
		}
	}
}

// TestRealSummary is one of a machine's image. Its signature is for others to verify, and it is refused for every image of containers, since
// it is about none.
func TestRealSummary(t *testing.T) {
	lines, err := os.ReadFile(shareddata.Require(t, "vsa/gke-gce-pre.bcid-vsa.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var envelope struct{ Payload string }
	if err := json.Unmarshal(bytes.TrimSpace(lines), &envelope); err != nil {
		t.Fatal(err)
	}
	payload, err := base64.StdEncoding.DecodeString(envelope.Payload)
	if err != nil {
		t.Fatal(err)
	}
	statement, err := predicate.Parse(payload)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := predicate.ParseSummary(statement.Predicate)
	if err != nil {
		t.Fatal(err)
	}
	passing := v1alpha1.SummaryRules{Verifiers: patterns(v1alpha1.AttestedPattern(parsed.Verifier)), Resources: patterns(v1alpha1.AttestedPattern(parsed.ResourceURI)), MinLevel: int32(parsed.BuildLevel())}
	for name, test := range map[string]struct {
		change func(*v1alpha1.SummaryRules)
		want   Outcome
	}{
		"as it is":           {func(*v1alpha1.SummaryRules) {}, Trusted},
		"another verifier":   {func(r *v1alpha1.SummaryRules) { r.Verifiers = patterns("x") }, Rejected},
		"another resource":   {func(r *v1alpha1.SummaryRules) { r.Resources = patterns("x") }, Rejected},
		"a level above it":   {func(r *v1alpha1.SummaryRules) { r.MinLevel++ }, Rejected},
		"any of its company": {func(r *v1alpha1.SummaryRules) { r.Verifiers = patterns("https://*") }, Trusted},
	} {
		t.Run(name, func(t *testing.T) {
			rules := passing
			test.change(&rules)
			if got, why := judgeStatement(v1alpha1.AttestationRule{PredicateType: statement.PredicateType, VSA: &rules}, workflow(), string(statement.Predicate)); got != test.want {
				t.Errorf("%s: %s", got, why)
			}
		})
	}
}

// withRule returns the rule with an expression.
func withRule(rule v1alpha1.AttestationRule, expression string) v1alpha1.AttestationRule {
	rule.Rule = expression
	return rule
}
