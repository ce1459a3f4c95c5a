// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// Judgement is a verdict with all that it rests on.
type Judgement struct {
	// Image as it was asked for, and the digest that was judged.
	Image  string
	Digest string
	// Verdict is empty when nobody judged, as in a scan.
	Verdict v1alpha1.Verdict
	// Policies under which the image was judged, by name.
	Policies []string
	Rules    []v1alpha1.RuleResult
	Excused  []Excused
	// Signers of the image, and of what is stated about it, whom a rule believes.
	Signers []v1alpha1.SignerReference
	// Evidence on the image.
	Evidence evidence.Evidence
	// Worst findings, for people.
	Worst []v1alpha1.FindingReference
	// At is when it was judged.
	At time.Time
	// Version of Assay.
	Version string
}

// Excused is a finding that does not count, with who says so.
type Excused struct {
	Finding evidence.Finding
	// By is the policy and the path of its field; Owner and Reason may be empty, Until the zero time.
	By, Owner, Reason string
	Until             time.Time
}

// A writer of judgements.
type writer func(io.Writer, Judgement) error

// formats by name, beside the text for people.
var formats = map[string]writer{"json": JSON, "sarif": SARIF, "junit": JUnit, "markdown": Markdown}

// Formats lists the names that Write takes.
func Formats() []string {
	names := []string{"text"}
	for name := range formats {
		names = append(names, name)
	}
	slices.Sort(names[1:])
	return names
}

// Write writes the judgement in a format, of which "text" is for people; colour is for terminals.
func Write(w io.Writer, j Judgement, format string, colour bool) error {
	if format == "text" {
		return Text(w, j, colour)
	}
	write, known := formats[format]
	if !known {
		return fmt.Errorf("unknown output format %q: want one of %s", evidence.Printable(format, maxCell), strings.Join(Formats(), ", "))
	}
	return write(w, j)
}

// located is a finding with where it was made.
type located struct {
	evidence.Finding
	platforms []string
	excused   []Excused
}

// findings of all platforms, the severest first; one that several platforms have stands once.
func (j Judgement) findings() []located {
	var all []located
	at := map[string]int{}
	for _, p := range j.Evidence.Platforms {
		for _, f := range p.Findings.Value {
			key := strings.Join([]string{f.ID, f.Target, f.Package, f.Version, f.Path, f.FixedVersion}, "\x00")
			i, seen := at[key]
			if !seen {
				i = len(all)
				at[key] = i
				all = append(all, located{Finding: f, excused: j.excusing(f)})
			}
			all[i].platforms = append(all[i].platforms, p.Platform.String())
		}
	}
	slices.SortStableFunc(all, func(a, b located) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Package, b.Package))
	})
	return all
}

// excusing returns who excuses the finding.
func (j Judgement) excusing(f evidence.Finding) []Excused {
	var by []Excused
	for _, e := range j.Excused {
		if e.Finding.ID == f.ID && e.Finding.Package == f.Package && e.Finding.Version == f.Version && e.Finding.Path == f.Path {
			by = append(by, e)
		}
	}
	return by
}

// severityNames are the API's.
var severityNames = map[evidence.Severity]v1alpha1.Severity{
	evidence.SeverityUnknown:  v1alpha1.SeverityUnknown,
	evidence.SeverityLow:      v1alpha1.SeverityLow,
	evidence.SeverityMedium:   v1alpha1.SeverityMedium,
	evidence.SeverityHigh:     v1alpha1.SeverityHigh,
	evidence.SeverityCritical: v1alpha1.SeverityCritical,
}
