// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/assay-dev/assay/api/v1alpha1"
)

func TestVerdict(t *testing.T) {
	for name, test := range map[string]struct {
		verdict v1alpha1.Verdict
		rules   []v1alpha1.RuleResult
		signers []v1alpha1.SignerReference
		worst   []v1alpha1.FindingReference
		excused []v1alpha1.ExcusedFinding
		want    string
	}{
		"an image that nobody judged is undetermined": {
			want: `
Image:    registry.example.com/shop/checkout@sha256:91ab
Verdict:  Undetermined
`,
		},
		"rules that do not pass come first, with what to do below": {
			verdict: v1alpha1.VerdictRejected,
			rules: []v1alpha1.RuleResult{
				{Policy: "production", Rule: "signatures[built]", Result: v1alpha1.ResultPass},
				{Policy: "prod/strict", Rule: "vulnerabilities.block[exploited]", Result: v1alpha1.ResultUnknown, Reason: v1alpha1.ReasonFeedUnavailable, Message: "configure where to read the catalogue"},
				{Policy: "production", Rule: "vulnerabilities.block[fixable]", Result: v1alpha1.ResultFail, Reason: v1alpha1.ReasonVulnerable, Message: "2 findings: CVE-2021-44228 in log4j-core 2.14.1 (Critical, exploited, fixed in 2.15.0), CVE-2023-45853 in zlib1g 1.2.13 (High); update the packages"},
			},
			worst: []v1alpha1.FindingReference{
				{ID: "CVE-2021-44228", Package: "log4j-core", Version: "2.14.1", FixedVersion: "2.15.0", Severity: v1alpha1.SeverityCritical, Exploited: true},
				{ID: "CVE-2023-45853", Package: "zlib1g", Severity: v1alpha1.SeverityHigh},
			},
			want: `
Image:    registry.example.com/shop/checkout@sha256:91ab
Verdict:  Rejected

Rules:
  Fail     production   vulnerabilities.block[fixable]    Vulnerable
           2 findings: CVE-2021-44228 in log4j-core 2.14.1 (Critical, exploited, fixed in 2.15.0),
           CVE-2023-45853 in zlib1g 1.2.13 (High); update the packages
  Unknown  prod/strict  vulnerabilities.block[exploited]  FeedUnavailable
           configure where to read the catalogue
  Pass     production   signatures[built]

Worst findings:
  CVE-2021-44228  log4j-core 2.14.1  Critical, exploited  fixed in 2.15.0
  CVE-2023-45853  zlib1g             High                 no fix yet
`,
		},
		"a rule without a policy keeps its columns": {
			verdict: v1alpha1.VerdictUndetermined,
			rules:   []v1alpha1.RuleResult{{Rule: "policies", Result: v1alpha1.ResultUnknown, Reason: v1alpha1.ReasonNoMatchingPolicy, Message: "create one"}},
			want: `
Image:    registry.example.com/shop/checkout@sha256:91ab
Verdict:  Undetermined

Rules:
  Unknown  -  policies  NoMatchingPolicy
           create one
`,
		},
		"hostile words are escaped and a long one has a line of its own": {
			verdict: "\x1b[2J",
			rules: []v1alpha1.RuleResult{{
				Policy: "a\nb", Rule: "c\u202e", Result: "Fail\x07", Reason: "\x00", Message: "see " + strings.Repeat("x", 120) + " \x1b]8;;http://evil\x07",
			}},
			worst:   []v1alpha1.FindingReference{{ID: "CVE\r-1", Package: "p\x1b[31m", Version: "\u202e1", FixedVersion: "2\n", Severity: "High\t"}},
			excused: []v1alpha1.ExcusedFinding{{ID: "CVE\r-2", Package: "p\x1b", By: "a\nb", Owner: "\u202e", Until: ptr.To(v1alpha1.Timestamp("\x07"))}},
			want: `
Image:    registry.example.com/shop/checkout@sha256:91ab
Verdict:  \x1b[2J

Rules:
  Fail\a  a\nb  c\u202e  \x00
          see
          ` + strings.Repeat("x", 120) + `
          \x1b]8;;http://evil\a

Worst findings:
  CVE\r-1  p\x1b[31m \u202e1  High\t  fixed in 2\n

Excused:
  CVE\r-2  p\x1b  a\nb  \u202e  until \a
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := Verdict(&b, Summary{
				Image: "registry.example.com/shop/checkout@sha256:91ab", Verdict: test.verdict,
				Rules: test.rules, Signers: test.signers, Worst: test.worst, Excused: test.excused,
			}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), b.String()); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConditions(t *testing.T) {
	var b strings.Builder
	if err := Conditions(&b, []metav1.Condition{
		{Type: "Ready", Status: metav1.ConditionTrue, Reason: "PolicyPassed", Message: "trusted: \x1b"},
		{Type: "PolicyPassed", Status: metav1.ConditionUnknown, Reason: "InProgress"},
	}); err != nil {
		t.Fatal(err)
	}
	const want = `  Ready         True     PolicyPassed
                trusted: \x1b
  PolicyPassed  Unknown  InProgress
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
}

func TestVeryLongWordsAreBounded(t *testing.T) {
	long := strings.Repeat("\x1b", 1<<20)
	var b strings.Builder
	if err := Verdict(&b, Summary{
		Image: long, Verdict: v1alpha1.VerdictRejected, Rules: []v1alpha1.RuleResult{{Policy: long, Rule: long, Result: "Fail", Reason: long, Message: long}},
	}); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 4096 {
		t.Errorf("%d characters", b.Len())
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("the disk is full")

func TestAWriterThatFailsIsSaid(t *testing.T) {
	if err := Verdict(full{}, Summary{Image: "image"}); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}
