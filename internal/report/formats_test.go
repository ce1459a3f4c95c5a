// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// hostile is what a package may be called.
const hostile = "a`|<script>\x1b[31m@everyone](http://evil)"

func sample() Judgement {
	openssl := evidence.Finding{
		ID: "CVE-2023-0286", Aliases: []string{"DSA-5343-1"}, Package: "libssl1.1", Version: "1.1.1n-0+deb11u3", PURL: "pkg:deb/debian/libssl1.1@1.1.1n-0+deb11u3",
		Target: "debian 11", FixedVersion: "1.1.1n-0+deb11u4", Severity: evidence.SeverityHigh, Exploited: true, EPSS: 0.613, Scored: true,
	}
	excused := evidence.Finding{ID: "CVE-2021-44228", Package: hostile, Version: "2.14.1", Path: "app/log4j-core.jar", Severity: evidence.SeverityCritical}
	return Judgement{
		Image: "registry.example.com/shop/checkout:1.8", Digest: "sha256:91ab", Verdict: v1alpha1.VerdictRejected,
		Policies: []string{"baseline"}, At: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC), Version: "1.0",
		Rules: []v1alpha1.RuleResult{
			{Policy: "baseline", Rule: "image.user", Result: v1alpha1.ResultPass},
			{Policy: "baseline", Rule: "vulnerabilities.block[fixable]", Result: v1alpha1.ResultFail, Reason: v1alpha1.ReasonVulnerable, Message: "1 finding: " + hostile},
			{Policy: "prod/strict", Rule: "signatures[built]", Result: v1alpha1.ResultUnknown, Reason: v1alpha1.ReasonSignatureUnchecked, Message: "ask again"},
			{Policy: "prod/strict", Rule: "vulnerabilities.block[all]", Result: v1alpha1.ResultExcepted, Reason: v1alpha1.ReasonExcused, Message: "1 finding is excused"},
		},
		Excused: []Excused{{
			Finding: excused, By: "prod/strict vulnerabilities.exceptions", Owner: "payments", Reason: "no look-ups",
			Until: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC),
		}},
		Evidence: evidence.Evidence{
			Database: evidence.Checked(evidence.Feed{Version: "sha256:0f", UpdatedAt: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)}),
			KEV:      evidence.Unchecked[evidence.Feed](v1alpha1.ReasonFeedUnavailable, "no catalogue is configured"),
			Platforms: []evidence.Platform{
				{
					Platform: image.Platform{OS: "linux", Architecture: "amd64"}, Inventory: evidence.Checked(evidence.Inventory{Packages: 7}),
					Findings: evidence.Checked([]evidence.Finding{excused, openssl}), Distribution: evidence.Checked(evidence.Distribution{Name: "debian 11", EndOfLife: true}),
					Secrets: evidence.Checked([]evidence.Secret{{Rule: "aws-access-key-id", Severity: evidence.SeverityCritical, Place: "root/.aws/credentials", Line: 2}}),
				},
				{
					Platform:  image.Platform{OS: "linux", Architecture: "arm64"},
					Inventory: evidence.Unchecked[evidence.Inventory](v1alpha1.ReasonInventoryIncomplete, "the package database is truncated"),
				},
			},
		},
	}
}

func written(t *testing.T, j Judgement, format string) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, j, format, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestJSONTellsEverything(t *testing.T) {
	var got jsonJudgement
	if err := json.Unmarshal([]byte(written(t, sample(), "json")), &got); err != nil {
		t.Fatal(err)
	}
	if got.Verdict != v1alpha1.VerdictRejected || len(got.Rules) != 4 || len(got.Excused) != 1 || len(got.Platforms) != 2 || got.KEV.Reason != v1alpha1.ReasonFeedUnavailable {
		t.Errorf("got %+v", got)
	}
	amd, arm := got.Platforms[0], got.Platforms[1]
	if !amd.Known || !amd.EndOfLife || len(amd.Findings) != 2 || *amd.Findings[1].EPSS != 0.613 || len(amd.Secrets) != 1 {
		t.Errorf("amd64: %+v", amd)
	}
	if arm.Known || arm.Reason != v1alpha1.ReasonInventoryIncomplete {
		t.Errorf("a platform of which nothing is known: %+v", arm)
	}
}

func TestSARIFHasAResultForEveryFindingAndEveryRuleThatDoesNotPass(t *testing.T) {
	var got sarifLog
	if err := json.Unmarshal([]byte(written(t, sample(), "sarif")), &got); err != nil {
		t.Fatal(err)
	}
	levels := map[string]string{}
	for _, r := range got.Runs[0].Results {
		levels[r.RuleID] = r.Level
		if strings.ContainsAny(r.Locations[0].Physical.Artifact.URI, "<>|` ") || strings.HasPrefix(r.Locations[0].Physical.Artifact.URI, "/") {
			t.Errorf("location %q", r.Locations[0].Physical.Artifact.URI)
		}
		if suppressed := len(r.Suppressions) > 0; suppressed != (r.RuleID == "CVE-2021-44228") {
			t.Errorf("%s: suppressions %v", r.RuleID, r.Suppressions)
		}
	}
	want := map[string]string{
		"baseline/vulnerabilities.block[fixable]": "error", "prod/strict/signatures[built]": "warning",
		"CVE-2021-44228": "error", "CVE-2023-0286": "error", "secret/aws-access-key-id": "error", "unknown/InventoryIncomplete": "warning",
	}
	if diff := cmp.Diff(want, levels); diff != "" {
		t.Errorf("levels (-want +got):\n%s", diff)
	}
	if got.Version != "2.1.0" || len(got.Runs[0].Tool.Driver.Rules) != len(want) {
		t.Errorf("version %s, %d rules", got.Version, len(got.Runs[0].Tool.Driver.Rules))
	}
}

func TestJUnitTellsFailuresFromErrors(t *testing.T) {
	var got junitSuites
	if err := xml.Unmarshal([]byte(written(t, sample(), "junit")), &got); err != nil {
		t.Fatal(err)
	}
	counts := map[string][3]int{}
	for _, s := range got.Suites {
		counts[s.Name] = [3]int{s.Tests, s.Failures, s.Errors}
	}
	if diff := cmp.Diff(map[string][3]int{"baseline": {2, 1, 0}, "prod/strict": {2, 0, 1}, "linux/amd64": {1, 1, 0}}, counts); diff != "" {
		t.Errorf("tests, failures, errors (-want +got):\n%s", diff)
	}
}

func TestMarkdownLeavesNothingToOthers(t *testing.T) {
	got := written(t, sample(), "markdown")
	for line := range strings.Lines(got) {
		outside := ""
		for i, part := range strings.Split(line, "`") {
			if i%2 == 0 {
				outside += part
			}
		}
		if strings.Contains(outside, "everyone") || strings.Contains(outside, "script") || strings.Contains(outside, "\x1b") {
			t.Errorf("what others wrote stands outside of code spans: %s", line)
		}
	}
	if !strings.Contains(got, "### ❌ Rejected") || !strings.Contains(got, "excused by prod/strict vulnerabilities.exceptions until 2027-01-31") {
		t.Errorf("got\n%s", got)
	}
}

func TestColoursAreForTheWordsAlone(t *testing.T) {
	j := sample()
	j.Rules[1].Policy = "Fail"
	var plainText, coloured strings.Builder
	if err := Text(&plainText, j, false); err != nil {
		t.Fatal(err)
	}
	if err := Text(&coloured, j, true); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(plainText.String(), "\x1b") || !strings.Contains(coloured.String(), red+"Rejected"+plain) {
		t.Errorf("plain\n%s\ncoloured\n%q", plainText.String(), coloured.String())
	}
	without := coloured.String()
	for _, code := range []string{red, green, yellow, cyan, plain} {
		without = strings.ReplaceAll(without, code, "")
	}
	if diff := cmp.Diff(plainText.String(), without); diff != "" {
		t.Errorf("colours change more than the colour (-plain +coloured):\n%s", diff)
	}
}

func TestFindingsNameEveryPlatform(t *testing.T) {
	var b strings.Builder
	if err := Findings(&b, sample(), false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"linux/amd64, debian 11, no longer supported by its vendor", "InventoryIncomplete", "CVE-2023-0286", "exploited, EPSS 0.613"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}

func TestAnUnknownFormatIsRefused(t *testing.T) {
	if err := Write(nil, Judgement{}, "yaml", false); err == nil || !strings.Contains(err.Error(), "text, json, junit, markdown, sarif") {
		t.Errorf("got %v", err)
	}
}
