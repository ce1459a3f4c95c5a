// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// judgeBlock says whether a finding meets the rule that is out of grace and that nobody excuses. A finding that is known blocks whatever
// else is not known.
func (t *trial) judgeBlock(rule v1alpha1.BlockRule, by *excuser) judgement {
	if j, unread := t.unreadFeed(rule); unread {
		return j
	}
	demanded, grace := demandsOf(rule), graceOf(rule)
	found := tally{platforms: len(t.platforms)}
	for i := range t.seen {
		s := &t.seen[i]
		if !demanded.metBy(&s.Finding) || t.spares(grace, &s.Finding) {
			continue
		}
		found.add(s, by.decide(i))
	}
	switch {
	case found.blocking > 0:
		return fail(v1alpha1.ReasonVulnerable, found.describe(by.unavailable()))
	case found.undecided != nil:
		return *found.undecided
	}
	if j, unknown := t.unknownFindings(); unknown {
		return j
	}
	if found.excusedFindings > 0 {
		return judgement{of: v1alpha1.ResultExcepted, reason: v1alpha1.ReasonExcused, message: found.describeExcused()}
	}
	return pass()
}

// unreadFeed says that a feed never loaded without which nobody knows what meets the rule.
func (t *trial) unreadFeed(rule v1alpha1.BlockRule) (judgement, bool) {
	if rule.Exploited != "" && t.evidence.KEV.State != evidence.Known {
		return unknown(t.evidence.KEV, v1alpha1.ReasonFeedUnavailable,
			"the catalogue of known exploited vulnerabilities is not loaded; configure where to read it"), true
	}
	if rule.MinEPSS != "" && t.evidence.EPSS.State != evidence.Known {
		return unknown(t.evidence.EPSS, v1alpha1.ReasonFeedUnavailable,
			"the scores of exploitation (EPSS) are not loaded; configure where to read them"), true
	}
	return judgement{}, false
}

// unknownFindings says that not all findings in the image are known.
func (t *trial) unknownFindings() (judgement, bool) {
	for _, p := range t.platforms {
		if p.Inventory.State != evidence.Known {
			return unknownOn(p, p.Inventory, len(t.platforms), "what is in the image was not looked at yet"), true
		}
		if p.Findings.State != evidence.Known {
			return unknownOn(p, p.Findings, len(t.platforms), "vulnerabilities were not looked for yet"), true
		}
	}
	if len(t.platforms) == 0 {
		return judgement{of: v1alpha1.ResultUnknown, reason: v1alpha1.ReasonInProgress, message: "vulnerabilities were not looked for yet"}, true
	}
	return judgement{}, false
}

// unknownOn is unknown for one platform of several.
func unknownOn[T any](p evidence.Platform, fact evidence.Fact[T], platforms int, waiting string) judgement {
	j := unknown(fact, v1alpha1.ReasonInProgress, waiting)
	if platforms > 1 {
		j.message = platformName(p) + ": " + j.message
	}
	return j
}

// demands are what a rule demands of a finding.
type demands struct {
	least                        evidence.Severity
	scored                       bool
	probability                  float64
	fixed, exploited, ransomware bool
}

// demandsOf reads a rule. A value that this version does not know restricts nothing, so that the rule rather blocks too much.
func demandsOf(rule v1alpha1.BlockRule) demands {
	return demands{
		least:       evidence.Severity(max(0, slices.Index(severities[:], rule.MinSeverity))),
		scored:      rule.MinEPSS != "",
		probability: rule.MinEPSS.Float(),
		fixed:       rule.Fix == v1alpha1.FixAvailable,
		exploited:   rule.Exploited == v1alpha1.ExploitedKnown,
		ransomware:  rule.Exploited == v1alpha1.ExploitedRansomware,
	}
}

// metBy says that the finding meets every demand.
func (d *demands) metBy(f *evidence.Finding) bool {
	return f.Severity >= d.least && (!d.fixed || f.FixedVersion != "") &&
		(!d.exploited || f.Exploited) && (!d.ransomware || f.Ransomware) &&
		(!d.scored || f.Scored && f.EPSS >= d.probability)
}

// grace is how long findings do not block. The zero value is none.
type grace struct {
	from     v1alpha1.GraceStart
	duration time.Duration
}

func graceOf(rule v1alpha1.BlockRule) grace {
	if rule.GracePeriod == nil {
		return grace{}
	}
	return grace{from: rule.GracePeriod.From, duration: rule.GracePeriod.Duration.Duration(0)}
}

// spares says that the grace of a finding has not ended, and notes when it does. Without a date there is none.
func (t *trial) spares(g grace, f *evidence.Finding) bool {
	if g.duration <= 0 {
		return false
	}
	var begins time.Time
	switch g.from {
	case v1alpha1.GraceFromFixSeen:
		begins = f.FixSeen
	case v1alpha1.GraceFromPublished:
		begins = f.Published
	case v1alpha1.GraceFromFirstSeen:
		begins = f.FirstSeen
	}
	if begins.IsZero() {
		return false
	}
	ends := begins.Add(g.duration)
	t.changesAt(ends)
	return ends.After(t.now)
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

// tally sums up the findings that meet a rule.
type tally struct {
	platforms                          int // of the image
	blocking, fixable, excusedFindings int
	// worst that block, and one more than are named.
	worst []group
	// excused are the first that are, and one more than are named.
	excused []*Excused
	// undecided is why it is not known of the first whether it blocks.
	undecided *judgement
}

func (t *tally) add(s *sighting, d *decision) {
	switch {
	case d.excused != nil:
		if t.excusedFindings++; len(t.excused) <= maxNamed {
			t.excused = append(t.excused, d.excused)
		}
		return
	case d.undecided != nil:
		if t.undecided == nil {
			t.undecided = d.undecided
		}
		return
	}
	t.blocking++
	if s.FixedVersion != "" {
		t.fixable++
	}
	if len(t.worst) <= maxNamed || t.platforms > 1 { // on one platform a later one adds nothing
		t.worst = regroup(t.worst, s, maxNamed+1)
	}
}
