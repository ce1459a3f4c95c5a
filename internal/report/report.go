// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package report writes verdicts and findings, as text for people and in the formats that programs read. Every string that an
// image, a registry or an object brought in is escaped and bounded, wherever it comes from.
package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// Limits of what is shown of one value, in characters.
const (
	maxCell    = 320  // the name of a policy has 317
	maxMessage = 1024 // as conditions have it
)

// Summary is how an image did, as a status has it.
type Summary struct {
	Image   string
	Verdict v1alpha1.Verdict
	Rules   []v1alpha1.RuleResult
	Signers []v1alpha1.SignerReference
	Worst   []v1alpha1.FindingReference
	Excused []v1alpha1.ExcusedFinding
}

// Verdict writes how an image did: the verdict, the result of every rule with what to do about it, those that do not pass
// first, who signed, the worst findings, and those that are excused.
func Verdict(w io.Writer, s Summary) error {
	p := printer{w: w}
	p.verdict(s, "")
	var rows []row
	for _, e := range s.Excused {
		until := ""
		if e.Until != nil {
			until = string(*e.Until)
		}
		rows = append(rows, excusedRow(e.ID, e.Package, e.By, e.Owner, until))
	}
	p.excused(rows)
	return p.err
}

// verdict writes all but what is excused.
func (p *printer) verdict(s Summary, digest string, sources ...row) {
	if s.Verdict == "" {
		s.Verdict = v1alpha1.VerdictUndetermined
	}
	head := []row{{cells: []string{"Image:", s.Image}}}
	if digest != "" {
		head = append(head, row{cells: []string{"Digest:", digest}})
	}
	head = append(head, row{cells: []string{"Verdict:", string(s.Verdict)}})
	p.table("", append(head, sources...))
	if len(s.Rules) > 0 {
		p.line("\nRules:")
		p.table(indent, ruleRows(s.Rules))
	}
	p.signers(s.Signers)
	if len(s.Worst) > 0 {
		p.line("\nWorst findings:")
		p.table(indent, findingRows(s.Worst))
	}
}

// Conditions writes the conditions in their order, each with its message.
func Conditions(w io.Writer, conditions []metav1.Condition) error {
	var rows []row
	for _, c := range conditions {
		rows = append(rows, row{cells: []string{c.Type, string(c.Status), c.Reason}, note: c.Message})
	}
	p := printer{w: w}
	p.table(indent, rows)
	return p.err
}

func ruleRows(rules []v1alpha1.RuleResult) []row {
	var rows []row
	for _, r := range slices.SortedStableFunc(slices.Values(rules), func(a, b v1alpha1.RuleResult) int { return urgency(a) - urgency(b) }) {
		rows = append(rows, row{cells: []string{string(r.Result), r.Policy, r.Rule, r.Reason}, note: r.Message})
	}
	return rows
}

func urgency(rule v1alpha1.RuleResult) int {
	switch rule.Result {
	case v1alpha1.ResultFail:
		return 0
	case v1alpha1.ResultPass:
		return 3
	case v1alpha1.ResultExcepted:
		return 2
	default:
		return 1
	}
}

func findingRows(worst []v1alpha1.FindingReference) []row {
	var rows []row
	for _, f := range worst {
		severity, fix := string(f.Severity), "no fix yet"
		if f.Exploited {
			severity += ", exploited"
		}
		if f.FixedVersion != "" {
			fix = "fixed in " + f.FixedVersion
		}
		rows = append(rows, row{cells: []string{f.ID, strings.TrimSpace(f.Package + " " + f.Version), severity, fix}})
	}
	return rows
}

// printer writes until the first error.
type printer struct {
	w      io.Writer
	colour bool
	err    error
}

func (p *printer) line(s string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, inert(strings.TrimRight(s, " ")))
	}
}

// inert escapes the beginning of a line that services which build take for a command to them, GitHub's also behind spaces.
func inert(line string) string {
	if text := strings.TrimLeft(line, " "); strings.HasPrefix(text, "::") {
		return line[:len(line)-len(text)] + `\x3a` + text[1:]
	}
	return line
}

// printable is evidence.Printable for what services which build may read: other commands to them begin anywhere in a line, with "##".
func printable(s string, limit int) string {
	return strings.ReplaceAll(evidence.Printable(s, limit), "##", `#\x23`)
}

// cell makes a value fit for one line of a table. An empty one stays visible.
func cell(s string) string {
	if s == "" {
		return "-"
	}
	return printable(s, maxCell)
}
