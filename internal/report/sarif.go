// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// The part of SARIF 2.1.0 (OASIS) that code scanning services read.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
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

// sarifLevels and securitySeverities by severity; the numbers are the middle of the CVSS 3.1 ranges.
var (
	sarifLevels = map[evidence.Severity]string{
		evidence.SeverityCritical: "error", evidence.SeverityHigh: "error", evidence.SeverityMedium: "warning",
		evidence.SeverityLow: "note", evidence.SeverityUnknown: "note",
	}
	securitySeverities = map[evidence.Severity]string{
		evidence.SeverityCritical: "9.5", evidence.SeverityHigh: "8.0", evidence.SeverityMedium: "5.5", evidence.SeverityLow: "2.0",
	}
)

// maxText bounds a text in a report for programs, in characters.
const maxText = 1024

// SARIF writes the findings and the rules that do not pass for code scanning services (SARIF 2.1.0). What is excused is there as
// a suppressed result.
func SARIF(w io.Writer, j Judgement) error {
	run := sarifRun{Tool: sarifTool{sarifDriver{Name: "Assay", Version: j.Version, Rules: []sarifRule{}}}, Results: []sarifResult{}}
	described := map[string]bool{}
	describe := func(rule sarifRule) {
		if !described[rule.ID] {
			described[rule.ID] = true
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, rule)
		}
	}
	for _, rule := range j.Rules {
		if rule.Result == v1alpha1.ResultFail || rule.Result == v1alpha1.ResultUnknown {
			result := j.ruleResult(rule)
			describe(sarifRule{ID: result.RuleID, ShortDescription: sarifText{"A rule of a policy that the image does not pass"}})
			run.Results = append(run.Results, result)
		}
	}
	for _, f := range j.findings() {
		result := j.findingResult(f)
		describe(sarifRule{
			ID: result.RuleID, ShortDescription: sarifText{result.RuleID + " in a package of the image"},
			Properties: sarifProperties{Tags: []string{"security", "vulnerability"}, SecuritySeverity: securitySeverities[f.Severity]},
		})
		run.Results = append(run.Results, result)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	})
}

func (j Judgement) ruleResult(rule v1alpha1.RuleResult) sarifResult {
	level := "error"
	if rule.Result == v1alpha1.ResultUnknown {
		level = "warning"
	}
	id := evidence.Printable(strings.TrimPrefix(rule.Policy+"/"+rule.Rule, "/"), maxText)
	return sarifResult{
		RuleID: id, Level: level, Message: sarifText{evidence.Printable(rule.Reason+": "+rule.Message, maxText)},
		Locations: locate(j.Image, ""), Fingerprints: fingerprint(j.Image, id),
	}
}

func (j Judgement) findingResult(f located) sarifResult {
	id := evidence.Printable(f.ID, maxText)
	text := fmt.Sprintf("%s %s (%s)", f.Package, f.Version, severityNames[f.Severity])
	if f.FixedVersion != "" {
		text += ", fixed in " + f.FixedVersion
	} else {
		text += ", no fix is published"
	}
	result := sarifResult{
		RuleID: id, Level: sarifLevels[f.Severity], Message: sarifText{evidence.Printable(text, maxText)},
		Locations: locate(j.Image, f.Path), Fingerprints: fingerprint(j.Image, id, f.Package, f.Path, f.Target),
	}
	for _, e := range f.excused {
		result.Suppressions = append(result.Suppressions, sarifSuppression{
			Kind: "external", Status: "accepted", Justification: evidence.Printable(strings.TrimSpace(e.By+" "+e.Reason), maxText),
		})
	}
	return result
}

// locate names the file in the image, or the image. A location must be a relative URI to be shown.
func locate(name, file string) []sarifLocation {
	var l sarifLocation
	l.Physical.Artifact.URI = uri(name)
	if file != "" {
		l.Physical.Artifact.URI = uri(file)
	}
	l.Physical.Region.StartLine = 1
	return []sarifLocation{l}
}

// uri makes a path of a text: whatever has a meaning in a URI is escaped.
func uri(text string) string {
	var b strings.Builder
	for _, c := range []byte(strings.TrimLeft(evidence.Printable(text, maxText), "/")) {
		if c > ' ' && !strings.ContainsRune(`%:?#[]@"<>\^{|}`+"`", rune(c)) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// fingerprint is the same for the same result of the next build.
func fingerprint(parts ...string) map[string]string {
	return map[string]string{"assay/v1": image.DigestOf([]byte(strings.Join(parts, "\x00"))).Hex()}
}
