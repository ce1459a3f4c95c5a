// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// scanned is what a scan of one platform gives.
func scanned(p evidence.Platform) Judgement {
	p.Platform = image.Platform{OS: "linux", Architecture: "arm64"}
	return Judgement{Image: "./checkout.tar", Digest: "sha256:91ab", Evidence: evidence.Evidence{Platforms: []evidence.Platform{p}}}
}

func TestWhatIsNotKnownIsSaidInEveryFormat(t *testing.T) {
	known, none := evidence.Checked(evidence.Inventory{Packages: 7}), evidence.Checked([]evidence.Finding{})
	const message = "the database knows nothing of debian 3"
	for name, test := range map[string]struct {
		platform evidence.Platform
		verdict  v1alpha1.Verdict
		reason   string // empty when everything is known
		says     string
		level    string

		notifications int // 0 stands for 1 when something is not known
	}{
		"everything is known": {platform: evidence.Platform{Inventory: known, Findings: none}},
		"the database does not cover the release": {
			platform: evidence.Platform{Inventory: known, Findings: evidence.Unchecked[[]evidence.Finding](v1alpha1.ReasonNotCovered, message)},
			reason:   v1alpha1.ReasonNotCovered, says: message, level: "error",
		},
		"a policy may not mind": {
			platform: evidence.Platform{Inventory: known, Findings: evidence.Unchecked[[]evidence.Finding](v1alpha1.ReasonNotCovered, message)},
			verdict:  v1alpha1.VerdictTrusted, reason: v1alpha1.ReasonNotCovered, says: message, level: "warning",
		},
		"the image could not be looked into, which is why it has no findings": {
			platform: evidence.Platform{
				Inventory: evidence.Unchecked[evidence.Inventory](v1alpha1.ReasonMalformedLayer, message),
				Findings:  evidence.Unchecked[[]evidence.Finding](v1alpha1.ReasonMalformedLayer, message),
			},
			reason: v1alpha1.ReasonMalformedLayer, says: message, level: "error",
		},
		"part of the image could not be read, and nothing was found in the rest": {
			platform: evidence.Platform{Inventory: evidence.Unchecked[evidence.Inventory](v1alpha1.ReasonInventoryIncomplete, message), Findings: none},
			reason:   v1alpha1.ReasonInventoryIncomplete, says: message, level: "error",
		},
		"secrets could not be looked for in every file": {
			platform: evidence.Platform{Inventory: known, Findings: none, Secrets: evidence.Unchecked[[]evidence.Secret](v1alpha1.ReasonInventoryIncomplete, message)},
			reason:   v1alpha1.ReasonInventoryIncomplete, says: message, level: "error",
		},
		"two things are not known": {
			platform: evidence.Platform{
				Inventory: evidence.Unchecked[evidence.Inventory](v1alpha1.ReasonNotCovered, "a package database is truncated"),
				Findings:  evidence.Unchecked[[]evidence.Finding](v1alpha1.ReasonNotCovered, message),
			},
			reason: v1alpha1.ReasonNotCovered, says: message, level: "error", notifications: 2,
		},
		"nobody has looked yet": {reason: v1alpha1.ReasonInProgress, says: "the image was not looked into yet", level: "error"},
	} {
		t.Run(name, func(t *testing.T) {
			j := scanned(test.platform)
			j.Verdict = test.verdict
			var text strings.Builder
			if err := Findings(&text, j, false); err != nil {
				t.Fatal(err)
			}
			said := map[string]string{"text": text.String(), "markdown": written(t, j, "markdown"), "sarif": written(t, j, "sarif")}
			if test.platform.Inventory.State != evidence.NotChecked && test.notifications == 0 { // which programs read as known: false
				said["json"] = written(t, j, "json")
			}
			if test.verdict == "" { // otherwise the rules are the cases
				said["junit"] = written(t, j, "junit")
			}
			for format, report := range said {
				if !strings.Contains(report, test.reason) || !strings.Contains(report, test.says) {
					t.Errorf("%s does not say %s, %s:\n%s", format, test.reason, test.says, report)
				}
			}
			complete := test.reason == ""
			if j.Complete() != complete || strings.Contains(said["markdown"], "Not everything") == (complete || test.verdict != "") {
				t.Errorf("complete: %v\n%s", j.Complete(), said["markdown"])
			}
			run := parseSARIF(t, said["sarif"]).Runs[0]
			notifications := test.notifications
			if !complete {
				notifications = max(notifications, 1)
			}
			if len(run.Invocations) != 1 || *run.Invocations[0].ExecutionSuccessful != complete || len(run.Invocations[0].Notifications) != notifications {
				t.Errorf("the invocation: %+v", run.Invocations)
			}
			want := map[string]string{}
			if !complete {
				want["unknown/"+test.reason] = test.level
			}
			if diff := cmp.Diff(want, levelsOf(run.Results)); diff != "" {
				t.Errorf("levels of the results (-want +got):\n%s", diff)
			}
		})
	}
}

func levelsOf(results []conformingStatements) map[string]string {
	levels := map[string]string{}
	for _, r := range results {
		levels[r.RuleID] = r.Level
	}
	return levels
}

func TestAScanInJUnitHasACaseForEveryPlatformAndFinding(t *testing.T) {
	j := sample()
	j.Verdict, j.Rules = "", nil
	var got junitSuites
	if err := xml.Unmarshal([]byte(written(t, j, "junit")), &got); err != nil {
		t.Fatal(err)
	}
	counts := map[string][3]int{}
	for _, s := range got.Suites {
		counts[s.Name] = [3]int{s.Tests, s.Failures, s.Errors}
	}
	if diff := cmp.Diff(map[string][3]int{"linux/amd64": {4, 3, 0}, "linux/arm64": {1, 0, 1}}, counts); diff != "" {
		t.Errorf("tests, failures, errors (-want +got):\n%s", diff)
	}
	if got.Name != "assay scan "+j.Image {
		t.Errorf("the suites are named %q", got.Name)
	}
	j.Verdict = v1alpha1.VerdictTrusted
	if judged := written(t, j, "junit"); !strings.Contains(judged, `name="assay verify `) || strings.Contains(judged, "CVE-2023-0286") {
		t.Errorf("findings fail, whatever the rules say:\n%s", judged)
	}
}
