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
	var met []sighting
	for _, s := range seen {
		if meets(s.Finding, rule) {
			met = append(met, s)
		}
	}
	if len(met) > 0 {
		return fail(v1alpha1.ReasonVulnerable, describeFindings(met, len(e.Platforms)))
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

// meets says that the finding meets every field that is set. A value that this version does not know restricts nothing,
// so that the rule rather blocks too much.
func meets(f evidence.Finding, rule v1alpha1.BlockRule) bool {
	if int(f.Severity) < slices.Index(severities[:], rule.MinSeverity) {
		return false
	}
	if rule.Fix == v1alpha1.FixAvailable && f.FixedVersion == "" {
		return false
	}
	return rule.Exploited != v1alpha1.ExploitedKnown || f.Exploited
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

// describeFindings counts the findings, names the worst three as far as there is room, and says what to do.
func describeFindings(met []sighting, platforms int) string {
	fixable := 0
	for _, s := range met {
		if s.FixedVersion != "" {
			fixable++
		}
	}
	counted, advice := count(len(met), "finding")+": ", "; "+remedy(len(met), fixable)
	room := maxMessage - len(counted) - len(advice) - len(", ...")
	var named []string
	groups := grouped(met)
	for _, g := range groups {
		text := describeFinding(g, platforms)
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
