// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// Limits of each of the six tables in a comment on a change: those who host it refuse longer ones, GitHub above 65,536 characters.
const (
	maxListed = 50     // rows
	maxTable  = 10_000 // bytes
)

// Markdown writes the judgement as a comment on a change. Whatever others wrote stands in code spans, in which nothing is a
// link, a mention or markup.
func Markdown(w io.Writer, j Judgement) error {
	p := printer{w: w}
	unknowns := j.unknowns()
	p.line("### " + heading(j.Verdict, len(unknowns) == 0))
	p.line("")
	p.line(code(j.Image) + " at " + code(j.Digest))
	var rows []string
	for _, open := range unknowns {
		rows = append(rows, fmt.Sprintf("| %s | %s | %s |", code(open.platform), code(open.reason), message(open.message)))
	}
	p.listed("| platform | not known | why |\n|---|---|---|", rows)
	p.line("\nWith " + j.feeds(code) + ".")
	if said := j.ignoredVEX(); said != "" {
		p.line("\n" + said)
	}
	p.rulesTable(j.Rules)
	p.signersTable(j.Signers)
	p.findingsTable(j.findings())
	p.contentsTables(j)
	return p.err
}

var marks = map[v1alpha1.Verdict]string{
	v1alpha1.VerdictTrusted: "✅", v1alpha1.VerdictRejected: "❌", v1alpha1.VerdictUndetermined: "❔",
}

// heading is the verdict, or whether everything is known that a verdict could rest on.
func heading(verdict v1alpha1.Verdict, complete bool) string {
	switch {
	case verdict != "":
		return strings.TrimSpace(marks[verdict] + " " + printable(string(verdict), maxCell))
	case complete:
		return "Scanned"
	}
	return marks[v1alpha1.VerdictUndetermined] + " Not everything in the image is known"
}

// listed writes a table with as many rows as there is room for, and counts the others.
func (p *printer) listed(head string, rows []string) {
	if len(rows) == 0 {
		return
	}
	p.line("\n" + head)
	length := 0
	for i, row := range rows {
		if length += len(row); i == maxListed || length > maxTable {
			p.line(fmt.Sprintf("\nand %d more; `-o json` lists them all.", len(rows)-i))
			return
		}
		p.line(row)
	}
}

func (p *printer) rulesTable(rules []v1alpha1.RuleResult) {
	var rows []string
	for _, r := range slices.SortedStableFunc(slices.Values(rules), func(a, b v1alpha1.RuleResult) int { return urgency(a) - urgency(b) }) {
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s |", code(string(r.Result)), code(r.Policy), code(r.Rule), message(r.Message)))
	}
	p.listed("| result | policy | rule | what to do |\n|---|---|---|---|", rows)
}

func (p *printer) findingsTable(all []located) {
	var rows []string
	for _, f := range all {
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s | %s |", code(f.ID), code(strings.TrimSpace(f.Package+" "+f.Version)),
			severityNames[f.Severity], code(f.FixedVersion), code(notes(f))))
	}
	p.listed("| finding | package | severity | fixed in | |\n|---|---|---|---|---|", rows)
}

// contentsTables list what is in the image beside vulnerabilities.
func (p *printer) contentsTables(j Judgement) {
	var rows []string
	for _, s := range j.secrets() {
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s |", code(s.Rule), code(placeOf(s)), severityNames[s.Severity], code(s.Layer.String())))
	}
	p.listed("| secret | place | severity | layer |\n|---|---|---|---|", rows)
	rows = nil
	for _, file := range j.unidentified() {
		rows = append(rows, fmt.Sprintf("| %s |", code(file)))
	}
	p.listed("| file with packages that nobody can name |\n|---|", rows)
}

// notes are what matters of a finding beside its severity.
func notes(f located) string {
	var said []string
	switch {
	case f.Ransomware:
		said = append(said, "used in ransomware campaigns")
	case f.Exploited:
		said = append(said, "exploited")
	}
	if f.Scored {
		said = append(said, fmt.Sprintf("EPSS %.3f", f.EPSS))
	}
	for _, e := range f.excused[:min(len(f.excused), 1)] {
		text := "excused by " + e.By
		if !e.Until.IsZero() {
			text += " until " + e.Until.UTC().Format("2006-01-02")
		}
		said = append(said, text)
	}
	return strings.Join(said, ", ")
}

// code makes a code span. An empty text makes none.
func code(text string) string { return span(text, maxCell) }

// message makes a code span of a sentence.
func message(text string) string { return span(text, maxMessage) }

func span(text string, limit int) string {
	if text == "" {
		return ""
	}
	return "`" + strings.NewReplacer("`", "'", "|", `\|`).Replace(printable(text, limit)) + "`"
}
