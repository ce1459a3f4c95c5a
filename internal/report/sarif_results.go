// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
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

func securityProperties(severity evidence.Severity, tag string) sarifProperties {
	return sarifProperties{Tags: []string{"security", tag}, SecuritySeverity: securitySeverities[severity]}
}

func (j Judgement) ruleResult(rule v1alpha1.RuleResult) sarifResult {
	level := "error"
	if rule.Result == v1alpha1.ResultUnknown {
		level = "warning"
	}
	id := ruleID(strings.TrimPrefix(rule.Policy+"/"+rule.Rule, "/"))
	return sarifResult{
		RuleID: id, Level: level, Message: sarifText{evidence.Printable(rule.Reason+": "+rule.Message, maxText)},
		Locations: locate(j.Image, "", 0), Fingerprints: fingerprint(j.Image, id),
	}
}

// unknownResult is an error when nobody judged; a policy may not mind.
func (j Judgement) unknownResult(open unknown) sarifResult {
	level := "error"
	if j.judged() {
		level = "warning"
	}
	id := ruleID("unknown/" + open.reason)
	return sarifResult{
		RuleID: id, Level: level, Message: open.text(), Locations: locate(j.Image, "", 0), Fingerprints: fingerprint(j.Image, id, open.platform),
	}
}

func (u unknown) text() sarifText {
	return sarifText{evidence.Printable(u.platform+": "+u.message, maxText)}
}

func (j Judgement) findingResult(f located) sarifResult {
	id := ruleID(f.ID)
	result := sarifResult{
		RuleID: id, Level: sarifLevels[f.Severity], Message: sarifText{evidence.Printable(carried(f.Finding), maxText)},
		Locations: locate(j.Image, f.Path, 0), Fingerprints: fingerprint(j.Image, id, f.Package, f.Path, f.Target),
	}
	for _, e := range f.excused {
		suppression := sarifSuppression{
			Kind: "external", Status: "accepted", Justification: evidence.Printable(strings.TrimSpace(e.By+" "+e.Reason), maxText),
		}
		if !slices.Contains(result.Suppressions, suppression) { // as SARIF demands
			result.Suppressions = append(result.Suppressions, suppression)
		}
	}
	return result
}

// secretResult tells the place of the secret; only what stands in a layer has a file.
func (j Judgement) secretResult(s evidence.Secret) sarifResult {
	file := ""
	if !s.Layer.IsZero() {
		file = s.Place
	}
	id := ruleID("secret/" + s.Rule)
	return sarifResult{
		RuleID: id, Level: sarifLevels[s.Severity], Message: sarifText{evidence.Printable(describeSecret(s), maxText)},
		Locations: locate(j.Image, file, s.Line), Fingerprints: fingerprint(j.Image, id, s.Place, strconv.Itoa(s.Line)),
	}
}

func (j Judgement) unidentifiedResult(file string) sarifResult {
	const id = "unidentified"
	return sarifResult{
		RuleID: id, Level: "note", Message: sarifText{evidence.Printable("nobody can name the packages in "+file, maxText)},
		Locations: locate(j.Image, file, 0), Fingerprints: fingerprint(j.Image, id, file),
	}
}

// carried says which package carries the vulnerability, and which version does not.
func carried(f evidence.Finding) string {
	text := fmt.Sprintf("%s %s (%s)", f.Package, f.Version, severityNames[f.Severity])
	if f.FixedVersion == "" {
		return text + ", no fix is published"
	}
	return text + ", fixed in " + f.FixedVersion
}

// ruleID is never empty.
func ruleID(text string) string { return cmp.Or(evidence.Printable(text, maxText), "-") }

// locate names the file in the image, or the image; line is counted from 1, 0 when there is none. A location must be a relative
// URI with a line to be shown.
func locate(name, file string, line int) []sarifLocation {
	var l sarifLocation
	l.Physical.Artifact.URI = uri(name)
	if file != "" {
		l.Physical.Artifact.URI = uri(file)
	}
	l.Physical.Region.StartLine = max(line, 1)
	return []sarifLocation{l}
}

// uri makes a relative path of a text: whatever has a meaning in a URI is escaped, and nothing leads out of the image.
func uri(text string) string {
	var b strings.Builder
	for _, c := range []byte(strings.TrimLeft(path.Clean("/"+evidence.Printable(text, maxText)), "/")) {
		if c > ' ' && !strings.ContainsRune(`%:?#[]@"<>\^{|}`+"`", rune(c)) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return cmp.Or(b.String(), ".")
}

// fingerprint is the same for the same result of the next build.
func fingerprint(parts ...string) map[string]string {
	return map[string]string{"assay/v1": image.DigestOf([]byte(strings.Join(parts, "\x00"))).Hex()}
}
