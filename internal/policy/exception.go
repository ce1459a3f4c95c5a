// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/policy/scope"
	"github.com/assay-dev/assay/internal/purl"
)

// exception is an exception with the policy that it stands in.
type exception struct {
	v1alpha1.VulnerabilityException
	in string
	// bounds are set for an exception that another policy lets excuse its rules.
	bounds *v1alpha1.ExceptionDelegation
}

// exceptionsFor returns the exceptions that may excuse from the policy's rules, by id: its own, and of the namespaced policies
// to which a cluster-wide one delegates, those.
func (t *trial) exceptionsFor(p Policy) map[string][]exception {
	byID := map[string][]exception{}
	add := func(from Policy, bounds *v1alpha1.ExceptionDelegation) {
		for _, e := range exceptionsOf(from.Spec) {
			byID[lower(e.ID)] = append(byID[lower(e.ID)], exception{e, from.Name, bounds})
		}
	}
	add(p, nil)
	bounds := p.Spec.Vulnerabilities.DelegateExceptions
	if bounds == nil || p.Namespace != "" {
		return byID
	}
	for _, other := range t.policies {
		if other.Namespace != "" && scope.MatchesNamespace(bounds.Namespaces, other.Namespace) {
			add(other, bounds)
		}
	}
	return byID
}

// byException returns the excuse that lasts longest of all exceptions for the finding, and nil when there is none.
func (x *excuser) byException(s *sighting) *Excused {
	if x.exceptions == nil {
		x.exceptions = x.exceptionsFor(x.policy)
	}
	if len(x.exceptions) == 0 {
		return nil
	}
	var longest *exception
	for _, id := range idsOf(s) {
		for i := range x.exceptions[id] {
			e := &x.exceptions[id][i]
			if x.covers(e, s) && x.holds(e) && (longest == nil || compareExceptions(e, longest) < 0) {
				longest = e
			}
		}
	}
	if longest == nil {
		return nil
	}
	excused, reference := x.excused(s, longest.in, fieldExceptions), referenceTo(longest.VulnerabilityException)
	excused.Exception, excused.ExceptionPolicy = &reference, longest.in
	excused.Owner, excused.Reason, excused.Until = longest.Owner, longest.Reason, longest.ExpiresAt.Time()
	return excused
}

// compareExceptions orders the one that ends last first, so that which one is named does not depend on any order.
func compareExceptions(a, b *exception) int {
	return cmp.Or(
		b.ExpiresAt.Time().Compare(a.ExpiresAt.Time()),
		cmp.Compare(a.in, b.in),
		compareReferences(referenceTo(a.VulnerabilityException), referenceTo(b.VulnerabilityException)),
	)
}

// covers says that an exception speaks of the finding, wherever in the image that is, and within the bounds of who delegates.
func (t *trial) covers(e *exception, s *sighting) bool {
	switch {
	case e.ExpireOnFix && s.FixedVersion != "":
		return false
	case e.bounds != nil && !severeAtMost(e.bounds.MaxSeverity, s.Severity):
		return false
	case !scope.MatchesRepository(e.Images, t.evidence.Image.Repository):
		return false
	}
	pattern, err := exceptionPattern(e.VulnerabilityException)
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(s.places, func(where place) bool {
		return !pattern.Matches(where.purl) || !t.digestIn(e.Digests, where)
	})
}

// digestIn says that the image or the manifest of one of its platforms is among the digests, or that there are none.
func (t *trial) digestIn(digests []v1alpha1.DigestString, where place) bool {
	return len(digests) == 0 || slices.ContainsFunc(digests, func(d v1alpha1.DigestString) bool {
		return string(d) == t.evidence.Image.Digest.String() || string(d) == where.manifest.String()
	})
}

// severeAtMost says that a severity does not exceed a limit. One that nobody rated may be any.
func severeAtMost(limit v1alpha1.Severity, severity evidence.Severity) bool {
	if severity == evidence.SeverityUnknown {
		severity = evidence.SeverityCritical
	}
	return int(severity) <= slices.Index(severities[:], limit)
}

// holds says that an exception excuses now, and notes when that changes.
func (t *trial) holds(e *exception) bool {
	ends, begins := e.ExpiresAt.Time(), time.Time{}
	if e.bounds != nil {
		begins = ends.Add(-e.bounds.MaxDuration.Duration(0))
	}
	if t.now.Before(begins) {
		t.changesAt(begins)
		return false
	}
	t.changesAt(ends)
	return t.now.Before(ends)
}

// errWildcard says that an exception would excuse packages of any name.
var errWildcard = fmt.Errorf("%w: an exception names its package without *", purl.ErrPattern)

// exceptionPattern returns which packages an exception speaks of.
func exceptionPattern(e v1alpha1.VulnerabilityException) (purl.Pattern, error) {
	pattern, err := purl.ParsePattern(e.Package)
	if err == nil && pattern.Wildcard() {
		return purl.Pattern{}, errWildcard
	}
	return pattern, err
}
