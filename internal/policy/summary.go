// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/policy/authority"
)

// Limits of the API on what a status says of findings and signatures.
const (
	maxWorst    = 5
	maxExcusals = 10
	maxBy       = 384
	maxOwner    = 128
	maxID       = 64
	maxPackage  = 128
	maxVersion  = 64
	maxSignedBy = 255
)

// Count counts the findings by severity, and those that the verdict lists as excused. It is nil when the inventory or the findings
// of a platform are not known: a number would say that there are no more. The same finding on several platforms counts once.
func Count(e evidence.Evidence, v Verdict) *v1alpha1.FindingCounts {
	if !complete(e) {
		return nil
	}
	counts, exploited := v1alpha1.FindingCounts{}, int32(0)
	for _, s := range sightings(e) {
		*severityCount(&counts, s.Severity)++
		if s.Exploited {
			exploited++
		}
	}
	if e.KEV.State == evidence.Known {
		counts.Exploited = &exploited
	}
	excused := map[identity]bool{}
	for i := range v.Excused {
		excused[identityOf(&v.Excused[i].Finding)] = true
	}
	counts.Excused = int32(len(excused))
	return &counts
}

func complete(e evidence.Evidence) bool {
	return len(e.Platforms) > 0 && !slices.ContainsFunc(e.Platforms, func(p evidence.Platform) bool {
		return p.Inventory.State != evidence.Known || p.Findings.State != evidence.Known
	})
}

func severityCount(counts *v1alpha1.FindingCounts, severity evidence.Severity) *int32 {
	switch severity {
	case evidence.SeverityCritical:
		return &counts.Critical
	case evidence.SeverityHigh:
		return &counts.High
	case evidence.SeverityMedium:
		return &counts.Medium
	case evidence.SeverityLow:
		return &counts.Low
	default:
		return &counts.Unknown
	}
}

// Worst returns the five worst findings that are known, fit for a status: exploited before others, then by severity,
// those with a fix first. The same vulnerability in the same package is named once.
func Worst(e evidence.Evidence) []v1alpha1.FindingReference {
	var groups []group
	seen := sightings(e)
	for i := range seen {
		groups = regroup(groups, &seen[i], maxWorst)
	}
	var worst []v1alpha1.FindingReference
	for _, s := range groups {
		worst = append(worst, v1alpha1.FindingReference{
			ID:           evidence.Printable(s.ID, maxID),
			Package:      evidence.Printable(s.Package, maxPackage),
			Version:      evidence.Printable(s.Version, maxVersion),
			FixedVersion: evidence.Printable(s.FixedVersion, maxVersion),
			Severity:     severityName(s.Severity),
			Exploited:    s.Exploited,
		})
	}
	return worst
}

// Excusals returns the worst ten of the excused findings, fit for a status. The same vulnerability in the same package that is excused
// by the same is named once.
func Excusals(v Verdict) []v1alpha1.ExcusedFinding {
	var excusals []v1alpha1.ExcusedFinding
	for _, e := range v.Excused {
		excusal := v1alpha1.ExcusedFinding{
			ID:      evidence.Printable(e.Finding.ID, maxID),
			Package: evidence.Printable(e.Finding.Package, maxPackage),
			By:      evidence.Printable(e.By, maxBy),
			Owner:   evidence.Printable(e.Owner, maxOwner),
		}
		named := slices.ContainsFunc(excusals, func(other v1alpha1.ExcusedFinding) bool {
			return other.ID == excusal.ID && other.Package == excusal.Package && other.By == excusal.By
		})
		if named {
			continue
		}
		if !e.Until.IsZero() {
			until := v1alpha1.NewTimestamp(e.Until)
			excusal.Until = &until
		}
		if excusals = append(excusals, excusal); len(excusals) == maxExcusals {
			break
		}
	}
	return excusals
}

// SignedBy returns the names of the authorities that signed the image, sorted, with commas between, fit for a status.
func SignedBy(policies []Policy, e evidence.Evidence, now time.Time) string {
	var names []string
	for _, p := range policies {
		for name, believed := range p.Authorities {
			if believed.State == evidence.Known && len(signersOf(believed.Value, e, now)) > 0 {
				names = append(names, string(name))
			}
		}
	}
	slices.Sort(names)
	return evidence.Printable(strings.Join(slices.Compact(names), ","), maxSignedBy)
}

// signersOf returns those who signed the image and whom the authority believes.
func signersOf(believed authority.Authority, e evidence.Evidence, now time.Time) []evidence.Signer {
	var signers []evidence.Signer
	for _, statement := range e.Signed[believed.Anchor].Signed {
		if _, err := believed.Accepts(statement.Signer, now); err == nil && isSignature(statement, e) {
			signers = append(signers, statement.Signer)
		}
	}
	return signers
}

// Names returns the policies' names, sorted, fit for a status: of more than Judge takes, the first ones.
func Names(policies []Policy) []string {
	names := make([]string, 0, len(policies))
	for _, p := range policies {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return names[:min(len(names), MaxPolicies)]
}
