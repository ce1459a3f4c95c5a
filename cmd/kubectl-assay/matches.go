// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/query"
)

// maxCell bounds what is shown of one value in a table, in characters; JSON has more.
const maxCell = 80

// printMatches prints a table, with columns for vulnerabilities where the matches have them.
func printMatches(out io.Writer, matches []query.Match) error {
	if len(matches) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	withVulnerabilities := matches[0].Vulnerability != ""
	header := []string{"NAMESPACE", "NAME", "STANDING", "IMAGE", "PACKAGE", "VERSION"}
	if withVulnerabilities {
		header = append(header, "FIXED", "SEVERITY")
	}
	rows := [][]string{append(header, "PATH")}
	for _, m := range matches {
		version := m.Version
		if m.Unsure {
			version = strings.TrimSpace(version + " (cannot be compared)")
		}
		row := []string{m.Namespace, m.Name, string(m.Standing), shortReference(m.Reference), m.Package, version}
		if withVulnerabilities {
			row = append(row, m.FixedVersion, m.Severity)
		}
		rows = append(rows, append(row, m.Path))
	}
	for _, row := range rows {
		for i := range row {
			row[i] = orNone(evidence.Printable(row[i], maxCell), "-")
		}
		if _, err := fmt.Fprintln(table, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return table.Flush()
}

// shortDigest is how many digits of a digest are shown.
const shortDigest = 12

// shortReference is repository@digest with the beginning of the digest only.
func shortReference(reference string) string {
	repository, digest, _ := strings.Cut(reference, "@")
	digest = strings.TrimPrefix(digest, "sha256:")
	return repository + "@" + digest[:min(len(digest), shortDigest)]
}

// maxNotes is how many images are named of which nothing is known.
const maxNotes = 10

// printNotes says what the matches do not.
func printNotes(out io.Writer, answer *query.Answer, nothing string) error {
	p := printer{out: out}
	if len(answer.Matches) == 0 {
		p.line("%s", nothing)
	}
	if answer.MoreMatches {
		p.line("only the first %s matches are shown: ask for less, such as one --namespace", fmt.Sprint(len(answer.Matches)))
	}
	for i, image := range answer.Unknown {
		if i == maxNotes {
			p.line("  and %s more (-o json names them)", fmt.Sprint(len(answer.Unknown)-maxNotes)+moreThan(answer.MoreUnknown))
			break
		}
		if i == 0 {
			p.line("the answer is not complete; what is in these images is not wholly known (kubectl assay why tells more):")
		}
		if image.Reference == "" {
			p.line("  %s/%s  has no digest yet", image.Namespace, image.Name)
			continue
		}
		p.line("  %s/%s  %s  %s", image.Namespace, image.Name, string(image.Standing), shortReference(image.Reference))
	}
	return p.err
}

func moreThan(more bool) string {
	if more {
		return " or"
	}
	return ""
}
