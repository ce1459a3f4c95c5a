// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// maxNamed is how many findings a message names.
const maxNamed = 3

// Limits in characters of what a message takes over from an image.
const (
	maxNamedID      = 32
	maxNamedPackage = 48
	maxNamedVersion = 32
)

// judgeBlock says whether a finding meets the rule. A finding that is known blocks whatever else is not known.
func judgeBlock(rule v1alpha1.BlockRule, e evidence.Evidence, seen []sighting) judgement {
	if rule.Exploited == v1alpha1.ExploitedKnown && e.KEV.State != evidence.Known {
		return unknown(e.KEV, v1alpha1.ReasonFeedUnavailable,
			"the catalogue of known exploited vulnerabilities is not loaded; configure where to read it")
	}
	if met := meeting(rule, seen); met.findings > 0 {
		return fail(v1alpha1.ReasonVulnerable, met.describe(len(e.Platforms)))
	}
	for _, p := range byPlatform(e) {
		if p.Inventory.State != evidence.Known {
			return unknownOn(p, p.Inventory, len(e.Platforms), "what is in the image was not looked at yet")
		}
		if p.Findings.State != evidence.Known {
			return unknownOn(p, p.Findings, len(e.Platforms), "vulnerabilities were not looked for yet")
		}
	}
	if len(e.Platforms) == 0 {
		return judgement{of: v1alpha1.ResultUnknown, reason: v1alpha1.ReasonInProgress, message: "vulnerabilities were not looked for yet"}
	}
	return pass()
}

// unknownOn is unknown for one platform of several.
func unknownOn[T any](p evidence.Platform, fact evidence.Fact[T], platforms int, waiting string) judgement {
	j := unknown(fact, v1alpha1.ReasonInProgress, waiting)
	if platforms > 1 {
		j.message = platformName(p) + ": " + j.message
	}
	return j
}

// conditions are what a rule demands of a finding.
type conditions struct {
	least            evidence.Severity
	fixed, exploited bool
}

// conditionsOf reads a rule. A value that this version does not know restricts nothing, so that the rule rather blocks too much.
func conditionsOf(rule v1alpha1.BlockRule) conditions {
	return conditions{
		least:     evidence.Severity(max(0, slices.Index(severities[:], rule.MinSeverity))),
		fixed:     rule.Fix == v1alpha1.FixAvailable,
		exploited: rule.Exploited == v1alpha1.ExploitedKnown,
	}
}

// metBy says that the finding meets every condition.
func (c conditions) metBy(f *evidence.Finding) bool {
	return f.Severity >= c.least && (!c.fixed || f.FixedVersion != "") && (!c.exploited || f.Exploited)
}

// severities are the API's names of evidence.Severity, by value. A finding that nobody rated is below all others, so that it
// meets Unknown only.
var severities = [...]v1alpha1.Severity{
	evidence.SeverityUnknown:  v1alpha1.SeverityUnknown,
	evidence.SeverityLow:      v1alpha1.SeverityLow,
	evidence.SeverityMedium:   v1alpha1.SeverityMedium,
	evidence.SeverityHigh:     v1alpha1.SeverityHigh,
	evidence.SeverityCritical: v1alpha1.SeverityCritical,
}

// severityName returns the severity as the API writes it.
func severityName(severity evidence.Severity) v1alpha1.Severity {
	if int(severity) >= len(severities) {
		return v1alpha1.SeverityUnknown
	}
	return severities[severity]
}

// met sums up the findings that meet a rule.
type met struct {
	findings, fixable int
	// worst of them, and one more than are named.
	worst []sighting
}

func meeting(rule v1alpha1.BlockRule, seen []sighting) met {
	var m met
	demanded := conditionsOf(rule)
	for i := range seen {
		if !demanded.metBy(&seen[i].Finding) {
			continue
		}
		m.findings++
		if seen[i].FixedVersion != "" {
			m.fixable++
		}
		m.worst = group(m.worst, &seen[i], maxNamed+1)
	}
	return m
}

// describe counts the findings, names the worst three as far as there is room, and says what to do.
func (m met) describe(platforms int) string {
	counted, advice := count(m.findings, "finding")+": ", "; "+remedy(m.findings, m.fixable)
	room := maxMessage - len(counted) - len(advice) - len(", ...")
	var named []string
	for _, s := range m.worst {
		text := describeFinding(s, platforms)
		if len(named) == maxNamed || room < len(text) {
			named = append(named, "...")
			break
		}
		named = append(named, text)
		room -= len(text) + len(", ")
	}
	return counted + strings.Join(named, ", ") + advice
}

func describeFinding(s sighting, platforms int) string {
	var b strings.Builder
	b.WriteString(evidence.Printable(s.ID, maxNamedID) + " in " + evidence.Printable(s.Package, maxNamedPackage))
	if s.Version != "" {
		b.WriteString(" " + evidence.Printable(s.Version, maxNamedVersion))
	}
	if platforms > 1 {
		b.WriteString(" on " + describePlatforms(s.platforms, platforms))
	}
	fmt.Fprintf(&b, " (%s", severityName(s.Severity))
	if s.Exploited {
		b.WriteString(", exploited")
	}
	if s.FixedVersion != "" {
		b.WriteString(", fixed in " + evidence.Printable(s.FixedVersion, maxNamedVersion))
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
