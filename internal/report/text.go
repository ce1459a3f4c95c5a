// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"io"
	"strings"
	"time"

	"github.com/assay-dev/assay/internal/evidence"
)

// Text writes the judgement for people.
func Text(w io.Writer, j Judgement, colour bool) error {
	p := printer{w: w, colour: colour}
	p.verdict(Summary{Image: j.Image, Verdict: j.Verdict, Rules: j.Rules, Signers: j.Signers, Worst: j.Worst}, j.Digest, j.sources()...)
	p.excused(excusedRows(j.Excused))
	p.contents(j)
	return p.err
}

// maxExcused bounds the excused findings that people see.
const maxExcused = 50

func excusedRows(excused []Excused) []row {
	var rows []row
	for _, e := range excused[:min(len(excused), maxExcused)] {
		until := ""
		if !e.Until.IsZero() {
			until = e.Until.UTC().Format(time.RFC3339)
		}
		one := excusedRow(e.Finding.ID, strings.TrimSpace(e.Finding.Package+" "+e.Finding.Version), e.By, e.Owner, until)
		one.note = e.Reason
		rows = append(rows, one)
	}
	return rows
}

// excusedRow says who excuses a finding, and until when if that ends by itself.
func excusedRow(id, carrier, by, owner, until string) row {
	if until != "" {
		until = "until " + until
	}
	return row{cells: []string{id, carrier, by, owner, until}}
}

func (p *printer) excused(rows []row) {
	if len(rows) > 0 {
		p.line("\nExcused:")
		p.table(indent, rows)
	}
}

// Findings writes every finding for people, the severest first.
func Findings(w io.Writer, j Judgement, colour bool) error {
	p := printer{w: w, colour: colour}
	head := []row{{cells: []string{"Image:", j.Image}}, {cells: []string{"Digest:", j.Digest}}}
	for _, platform := range j.Evidence.Platforms {
		head = append(head, platformRows(platform)...)
	}
	p.table("", append(head, j.sources()...))
	var rows []row
	for _, f := range j.findings() {
		fix := "no fix yet"
		if f.FixedVersion != "" {
			fix = "fixed in " + f.FixedVersion
		}
		rows = append(rows, row{cells: []string{
			string(severityNames[f.Severity]), f.ID, strings.TrimSpace(f.Package + " " + f.Version), fix, f.Path, notes(f),
		}})
	}
	if len(rows) > 0 {
		p.line("")
		p.table("", rows)
	}
	p.contents(j)
	return p.err
}

// contents writes what is in the image beside vulnerabilities.
func (p *printer) contents(j Judgement) {
	if secrets := j.secrets(); len(secrets) > 0 {
		var rows []row
		for _, s := range secrets {
			layer := ""
			if !s.Layer.IsZero() {
				layer = "in layer " + s.Layer.String()
			}
			rows = append(rows, row{cells: []string{string(severityNames[s.Severity]), s.Rule, placeOf(s), layer}})
		}
		p.line("\nSecrets:")
		p.table(indent, rows)
	}
	if files := j.unidentified(); len(files) > 0 {
		var rows []row
		for _, file := range files {
			rows = append(rows, row{cells: []string{file}})
		}
		p.line("\nFiles with packages that nobody can name:")
		p.table(indent, rows)
	}
}

// platformRows name the platform with what is not known of it.
func platformRows(p evidence.Platform) []row {
	name := p.Platform.String()
	if p.Distribution.Value.Name != "" {
		name += ", " + p.Distribution.Value.Name
	}
	if p.Distribution.Value.EndOfLife {
		name += ", no longer supported by its vendor"
	}
	unknowns := unknownsOf(p)
	if len(unknowns) == 0 {
		return []row{{cells: []string{"Platform:", name}}}
	}
	var rows []row
	for _, open := range unknowns {
		rows = append(rows, row{cells: []string{"Platform:", name + ": " + open.reason}, note: open.message})
	}
	return rows
}
