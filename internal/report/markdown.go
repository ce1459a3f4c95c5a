// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// maxListed bounds the findings in a comment on a change: longer ones are refused by those who host it.
const maxListed = 50

// Markdown writes the judgement as a comment on a change. Whatever others wrote stands in code spans, in which nothing is a
// link, a mention or markup.
func Markdown(w io.Writer, j Judgement) error {
	p := printer{w: w}
	unknowns := j.unknowns()
	p.line("### " + heading(j.Verdict, len(unknowns) == 0))
	p.line("")
	p.line(code(j.Image) + " at " + code(j.Digest))
	if len(unknowns) > 0 {
		p.line("\n| platform | not known | why |\n|---|---|---|")
		for _, open := range unknowns {
			p.line(fmt.Sprintf("| %s | %s | %s |", code(open.platform), code(open.reason), code(open.message)))
		}
	}
	p.line("\nWith " + j.feeds(code) + ".")
	if said := j.ignoredVEX(); said != "" {
		p.line("\n" + said)
	}
	if len(j.Rules) > 0 {
		p.line("\n| result | policy | rule | what to do |\n|---|---|---|---|")
		for _, r := range slices.SortedStableFunc(slices.Values(j.Rules), func(a, b v1alpha1.RuleResult) int { return urgency(a) - urgency(b) }) {
			p.line(fmt.Sprintf("| %s | %s | %s | %s |", code(string(r.Result)), code(r.Policy), code(r.Rule), code(r.Message)))
		}
	}
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
		return strings.TrimSpace(marks[verdict] + " " + evidence.Printable(string(verdict), maxCell))
	case complete:
		return "Scanned"
	}
	return marks[v1alpha1.VerdictUndetermined] + " Not everything in the image is known"
}

func (p *printer) findingsTable(all []located) {
	if len(all) == 0 {
		return
	}
	p.line("\n| finding | package | severity | fixed in | |\n|---|---|---|---|---|")
	for _, f := range all[:min(len(all), maxListed)] {
		p.line(fmt.Sprintf("| %s | %s | %s | %s | %s |", code(f.ID), code(strings.TrimSpace(f.Package+" "+f.Version)),
			severityNames[f.Severity], code(f.FixedVersion), code(notes(f))))
	}
	if more := len(all) - maxListed; more > 0 {
		p.line(fmt.Sprintf("\nand %d more; `assay scan -o json` lists them all.", more))
	}
}

// contentsTables list what is in the image beside vulnerabilities.
func (p *printer) contentsTables(j Judgement) {
	if secrets := j.secrets(); len(secrets) > 0 {
		p.line("\n| secret | place | severity | layer |\n|---|---|---|---|")
		for _, s := range secrets {
			p.line(fmt.Sprintf("| %s | %s | %s | %s |", code(s.Rule), code(placeOf(s)), severityNames[s.Severity], code(s.Layer.String())))
		}
	}
	if files := j.unidentified(); len(files) > 0 {
		p.line("\n| file with packages that nobody can name |\n|---|")
		for _, file := range files {
			p.line(fmt.Sprintf("| %s |", code(file)))
		}
	}
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
func code(text string) string {
	if text == "" {
		return ""
	}
	text = evidence.Printable(text, maxText)
	return "`" + strings.NewReplacer("`", "'", "|", `\|`).Replace(text) + "`"
}
