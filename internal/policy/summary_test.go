// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

func TestCount(t *testing.T) {
	exploited := int32(1)
	none := int32(0)
	elsewhere := openssl
	elsewhere.Path = "opt/openssl"
	for name, test := range map[string]struct {
		evidence evidence.Evidence
		want     *v1alpha1.FindingCounts
	}{
		"no findings are zero":             {clean(), &v1alpha1.FindingCounts{Exploited: &none}},
		"findings are counted by severity": {clean(openssl, zlib, unrated, listed), &v1alpha1.FindingCounts{Critical: 1, High: 1, Medium: 1, Unknown: 1, Exploited: &exploited}},
		"each place in the image counts":   {clean(openssl, elsewhere), &v1alpha1.FindingCounts{Critical: 2, Exploited: &none}},
		"the same finding on several platforms counts once": {with(clean(openssl), func(e *evidence.Evidence) {
			e.Platforms = append(e.Platforms, platform("linux/arm64", openssl, zlib))
		}), &v1alpha1.FindingCounts{Critical: 1, High: 1, Exploited: &none}},
		"without the catalogue exploited is absent": {with(clean(listed), func(e *evidence.Evidence) { e.KEV = evidence.Fact[evidence.Feed]{} }),
			&v1alpha1.FindingCounts{Medium: 1}},
		"one platform whose findings are not known leaves nothing to count": {with(clean(openssl), func(e *evidence.Evidence) {
			other := platform("linux/arm64")
			other.Findings = evidence.Unchecked[[]evidence.Finding](v1alpha1.ReasonNotCovered, "x")
			e.Platforms = append(e.Platforms, other)
		}), nil},
		"an incomplete inventory leaves nothing to count": {with(clean(openssl), func(e *evidence.Evidence) {
			e.Platforms[0].Inventory = evidence.Unchecked[evidence.Inventory](v1alpha1.ReasonInventoryIncomplete, "x")
		}), nil},
		"an image that nobody looked at leaves nothing to count": {evidence.Evidence{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Count(test.evidence, Verdict{})); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWorst(t *testing.T) {
	elsewhere := openssl
	elsewhere.Path = "opt/openssl"
	unfixed := openssl
	unfixed.ID, unfixed.FixedVersion = "CVE-2020-1", ""
	low := evidence.Finding{ID: "CVE-2019-1", Package: "tar", Version: "1", Severity: evidence.SeverityLow}
	e := with(clean(low, unrated, zlib, unfixed, elsewhere), func(e *evidence.Evidence) {
		e.Platforms = append(e.Platforms, platform("linux/arm64", openssl, listed))
	})
	var got []string
	for _, f := range Worst(e) {
		got = append(got, fmt.Sprintf("%s %s %s %s %q %t", f.ID, f.Package, f.Version, f.Severity, f.FixedVersion, f.Exploited))
	}
	want := []string{
		`CVE-2021-44228 log4j-core 2.14.1 Medium "2.15.0" true`,
		`CVE-2024-1 openssl 3.0.1 Critical "3.0.2" false`,
		`CVE-2020-1 openssl 3.0.1 Critical "" false`,
		`CVE-2023-45853 zlib1g 1.2.13 High "" false`,
		`CVE-2019-1 tar 1 Low "" false`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("worst findings (-want +got):\n%s", diff)
	}
}

func TestSignedBy(t *testing.T) {
	p := signed(1, "ci")
	if got := SignedBy([]Policy{p, p}, clean(), now); got != "ci,ci-again" {
		t.Errorf("got %q", got)
	}
	if got := SignedBy([]Policy{p}, evidence.Evidence{}, now); got != "" {
		t.Errorf("got %q", got)
	}
	many := Policy{Authorities: map[v1alpha1.RuleName]believed{}}
	for i := range 64 {
		many.Authorities[v1alpha1.RuleName(fmt.Sprintf("authority-%02d", i))] = believedKey(ciPrint)
	}
	assertPrintable(t, SignedBy([]Policy{many}, clean(), now), 255)
}

func TestNamesFitAStatus(t *testing.T) {
	if got := Names(make([]Policy, 100)); len(got) != 64 {
		t.Errorf("%d names", len(got))
	}
}

func TestReasonIsThatOfTheResultThatMattersMost(t *testing.T) {
	result := func(of v1alpha1.Result, reason string) v1alpha1.RuleResult {
		return v1alpha1.RuleResult{Rule: reason, Result: of, Reason: reason}
	}
	// Each row comes before all that follow.
	order := []v1alpha1.RuleResult{
		result(v1alpha1.ResultFail, v1alpha1.ReasonSignatureMissing),
		result(v1alpha1.ResultFail, v1alpha1.ReasonVulnerable),
		result(v1alpha1.ResultFail, v1alpha1.ReasonRunsAsRoot),
		result(v1alpha1.ResultUnknown, v1alpha1.ReasonNoMatchingPolicy),
		result(v1alpha1.ResultUnknown, v1alpha1.ReasonInvalidKey),
		result(v1alpha1.ResultUnknown, v1alpha1.ReasonKeyNotFound),
		result(v1alpha1.ResultUnknown, v1alpha1.ReasonInventoryIncomplete),
		result(v1alpha1.ResultUnknown, v1alpha1.ReasonNotCovered),
		result(v1alpha1.ResultUnknown, v1alpha1.ReasonRegistryUnavailable),
		result(v1alpha1.ResultPass, ""),
	}
	for i := range order {
		for _, later := range order[i+1:] {
			verdict := Verdict{Rules: []v1alpha1.RuleResult{later, order[i]}}
			if got := verdict.Reason(); got != order[i].Reason {
				t.Errorf("of %s and %s the reason is %s", order[i].Reason, later.Reason, got)
			}
		}
	}
}

func TestStatusRulesKeepWhatMatters(t *testing.T) {
	var verdict Verdict
	for i := range 100 {
		rule := v1alpha1.RuleResult{Rule: fmt.Sprint(i), Result: v1alpha1.ResultPass}
		if i == 99 {
			rule.Result, rule.Reason = v1alpha1.ResultFail, v1alpha1.ReasonVulnerable
		}
		verdict.Rules = append(verdict.Rules, rule)
	}
	kept := verdict.StatusRules()
	if len(kept) != 64 || kept[0].Rule != "0" || kept[63].Rule != "99" {
		t.Errorf("%d rules from %s to %s", len(kept), kept[0].Rule, kept[len(kept)-1].Rule)
	}
	verdict.Rules = verdict.Rules[:64]
	if diff := cmp.Diff(verdict.Rules, verdict.StatusRules()); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

// A hostile image may bring very many findings, and a tenant as many rules as the API takes.
func BenchmarkJudge(b *testing.B) {
	var findings []evidence.Finding
	for i := range 20000 {
		findings = append(findings, evidence.Finding{ID: fmt.Sprint("CVE-", i), Package: "p", Severity: evidence.Severity(i % 5)})
	}
	e := clean(findings...)
	p := blocking(v1alpha1.BlockRule{MinSeverity: v1alpha1.SeverityLow})
	for i := range 31 {
		rule := p.Spec.Vulnerabilities.Block[0]
		rule.Name = v1alpha1.RuleName(fmt.Sprint("r", i))
		p.Spec.Vulnerabilities.Block = append(p.Spec.Vulnerabilities.Block, rule)
	}
	policies := slices.Repeat([]Policy{p}, MaxPolicies)
	for b.Loop() {
		Judge(policies, e, Circumstances{})
	}
}

func BenchmarkJudgeTypical(b *testing.B) {
	e := clean(openssl, zlib, unrated, listed)
	policies := []Policy{everyField(), signed(1, "ci")}
	for b.Loop() {
		Judge(policies, e, Circumstances{})
	}
}

func TestExcusalsFitAStatus(t *testing.T) {
	long := strings.Repeat("\x1b[2J\u202e\n", 200)
	p := stating(stated(func(s *evidence.VEXStatement) { s.Author, s.Justification = long, long }))
	p.Name = "prod/" + strings.Repeat("a", 300)
	hostile := openssl
	hostile.Package = long
	for _, excusal := range Excusals(judged{[]Policy{p}, clean(hostile), Circumstances{}}.verdict()) {
		assertPrintable(t, excusal.ID, 64)
		assertPrintable(t, excusal.Package, 128)
		assertPrintable(t, excusal.By, 384)
		assertPrintable(t, excusal.Owner, 128)
		return
	}
	t.Error("nothing is excused")
}
