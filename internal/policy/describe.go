// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// maxNamed is how many things of a kind a message names.
const maxNamed = 3

// Limits in characters of what a message takes over from an image or from people.
const (
	maxNamedID      = 32
	maxNamedPackage = 48
	maxNamedVersion = 32
	maxNamedPlace   = 64
	maxNamedOwner   = 48
	maxNamedWhy     = 120
)

// list counts things, names the first three of them as far as there is room, and says what to do: "2 findings: a, b; advice".
func list(counted string, things []string, advice string) string {
	counted, advice = counted+": ", "; "+advice
	room := maxMessage - len(counted) - len(advice) - len(", ...")
	var named []string
	for _, text := range things {
		if len(named) == maxNamed || room < len(text) {
			named = append(named, "...")
			break
		}
		named = append(named, text)
		room -= len(text) + len(", ")
	}
	return counted + strings.Join(named, ", ") + advice
}

// describe counts the findings, names the worst three, and says what to do, and which source might excuse some were it read.
func (t *tally) describe(unavailable string) string {
	named := make([]string, 0, len(t.worst))
	for _, g := range t.worst {
		named = append(named, describeFinding(g, t.platforms))
	}
	advice := remedy(t.blocking, t.fixable)
	if unavailable != "" {
		advice += "; " + unavailable
	}
	return list(count(t.blocking, "finding"), named, advice)
}

// describeExcused says who excuses the findings, and until when.
func (t *tally) describeExcused() string {
	named := make([]string, 0, len(t.excused))
	for _, e := range t.excused {
		text := fmt.Sprintf("%s in %s by %s", evidence.Printable(e.Finding.ID, maxNamedID), evidence.Printable(e.Finding.Package, maxNamedPackage), e.By)
		if e.Owner != "" {
			text += " (" + evidence.Printable(e.Owner, maxNamedOwner) + ")"
		}
		if !e.Until.IsZero() {
			text += " until " + string(v1alpha1.NewTimestamp(e.Until))
		}
		named = append(named, text)
	}
	return list(count(t.excusedFindings, "excused finding"), named, "nothing else meets the rule")
}

func describeFinding(g group, platforms int) string {
	var b strings.Builder
	b.WriteString(evidence.Printable(g.ID, maxNamedID) + " in " + evidence.Printable(g.Package, maxNamedPackage))
	if g.Version != "" {
		b.WriteString(" " + evidence.Printable(g.Version, maxNamedVersion))
	}
	if platforms > 1 {
		b.WriteString(" on " + describePlatforms(g.platforms, platforms))
	}
	fmt.Fprintf(&b, " (%s", severityName(g.Severity))
	if g.Exploited {
		b.WriteString(", exploited")
	}
	if g.FixedVersion != "" {
		b.WriteString(", fixed in " + evidence.Printable(g.FixedVersion, maxNamedVersion))
	}
	b.WriteString(")")
	return b.String()
}

func describePlatforms(names []string, all int) string {
	switch {
	case len(names) == all:
		return "every platform"
	case len(names) == 1:
		return names[0]
	default:
		return fmt.Sprintf("%s and %d more", names[0], len(names)-1)
	}
}

func remedy(findings, fixable int) string {
	switch fixable {
	case findings:
		return "update the packages, or the base image that brings them"
	case 0:
		return "no fix is published: remove the packages, or choose another base image"
	default:
		return "update the packages that have a fix, and remove the others or choose another base image"
	}
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
