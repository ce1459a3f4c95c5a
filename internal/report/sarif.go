// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"io"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// The part of SARIF 2.1.0 (OASIS) that code scanning services read.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Properties  sarifSources      `json:"properties"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
		described   map[string]bool   // the rules, by their id
	}
	// sarifSources are what the run rests on, as JSON has them.
	sarifSources struct {
		Database jsonFeed                   `json:"database"`
		KEV      jsonFeed                   `json:"kev"`
		EPSS     jsonFeed                   `json:"epss"`
		Signers  []v1alpha1.SignerReference `json:"signers,omitempty"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool                `json:"executionSuccessful"`
		Notifications       []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Descriptor sarifReference `json:"descriptor"`
		Level      string         `json:"level"`
		Message    sarifText      `json:"message"`
	}
	sarifReference struct {
		ID string `json:"id"`
	}
	sarifRule struct {
		ID               string          `json:"id"`
		ShortDescription sarifText       `json:"shortDescription"`
		Properties       sarifProperties `json:"properties,omitzero"`
	}
	// sarifProperties are those by which code scanning sorts security alerts.
	sarifProperties struct {
		Tags             []string `json:"tags,omitempty"`
		SecuritySeverity string   `json:"security-severity,omitempty"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region struct {
			StartLine int `json:"startLine"`
		} `json:"region"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification,omitempty"`
	}
)

// maxText bounds a text in a report for programs, in characters.
const maxText = 1024

// SARIF writes the findings, the rules that do not pass and what is not known of the image for code scanning services (SARIF
// 2.1.0). What is excused is there as a suppressed result. A service closes every alert that has no result any more: what is not
// known is a result, too, so that nobody takes it for clean.
func SARIF(w io.Writer, j Judgement) error {
	run := sarifRun{
		Tool: sarifTool{sarifDriver{Name: "Assay", Version: j.Version, Rules: []sarifRule{}}}, Results: []sarifResult{}, described: map[string]bool{},
	}
	run.Properties = sarifSources{Database: feedOf(j.Evidence.Database), KEV: feedOf(j.Evidence.KEV), EPSS: feedOf(j.Evidence.EPSS), Signers: j.Signers}
	run.Invocations = []sarifInvocation{j.invocation()}
	for _, rule := range j.Rules {
		if rule.Result == v1alpha1.ResultFail || rule.Result == v1alpha1.ResultUnknown {
			run.add(j.ruleResult(rule), "A rule of a policy that the image does not pass", sarifProperties{})
		}
	}
	for _, open := range j.unknowns() {
		run.add(j.unknownResult(open), "Something in the image that is not known", sarifProperties{})
	}
	for _, f := range j.findings() {
		result := j.findingResult(f)
		run.add(result, result.RuleID+" in a package of the image", securityProperties(f.Severity, "vulnerability"))
	}
	for _, secret := range j.secrets() {
		run.add(j.secretResult(secret), "A secret in the image", securityProperties(secret.Severity, "secret"))
	}
	for _, file := range j.unidentified() {
		run.add(j.unidentifiedResult(file), "A file with packages that nobody can name", sarifProperties{})
	}
	return writeJSON(w, sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	})
}

// add adds a result, and its rule if it is the first of it.
func (r *sarifRun) add(result sarifResult, description string, properties sarifProperties) {
	r.Results = append(r.Results, result)
	if r.described[result.RuleID] {
		return
	}
	r.described[result.RuleID] = true
	r.Tool.Driver.Rules = append(r.Tool.Driver.Rules, sarifRule{ID: result.RuleID, ShortDescription: sarifText{description}, Properties: properties})
}

// invocation says whether everything could be found out.
func (j Judgement) invocation() sarifInvocation {
	unknowns := j.unknowns()
	out := sarifInvocation{ExecutionSuccessful: len(unknowns) == 0 && j.Verdict != v1alpha1.VerdictUndetermined}
	for _, open := range unknowns {
		out.Notifications = append(out.Notifications, sarifNotification{
			Descriptor: sarifReference{evidence.Printable(open.reason, maxText)}, Level: "error", Message: open.text(),
		})
	}
	return out
}
