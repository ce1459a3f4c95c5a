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

// exception is an exception with what it needs to be compared with findings in this image.
type exception struct {
	v1alpha1.VulnerabilityException
	in      string // the policy that it stands in
	pattern purl.Pattern
	ends    time.Time
	// manifests that it holds for, nil for the image as a whole.
	manifests []string
	// bounds are set for an exception that another policy lets excuse its rules.
	bounds *v1alpha1.ExceptionDelegation
}

// exceptionsFor returns the exceptions that may excuse from the policy's rules in this image, by id: its own, and of the namespaced
// policies to which a cluster-wide one delegates, those.
func (t *trial) exceptionsFor(p Policy) map[string][]exception {
	byID := map[string][]exception{}
	t.addExceptions(byID, p, nil)
	bounds := p.Spec.Vulnerabilities.DelegateExceptions
	if bounds == nil || p.Namespace != "" {
		return byID
	}
	for _, other := range t.policies {
		if other.Namespace != "" && scope.MatchesNamespace(bounds.Namespaces, other.Namespace) {
			t.addExceptions(byID, other, bounds)
		}
	}
	return byID
}

// addExceptions adds those of a policy's exceptions that speak of this image.
func (t *trial) addExceptions(byID map[string][]exception, from Policy, bounds *v1alpha1.ExceptionDelegation) {
	digest := v1alpha1.DigestString(t.evidence.Image.Digest.String())
	for _, e := range exceptionsOf(from.Spec) {
		pattern, err := exceptionPattern(e)
		if err != nil || !scope.MatchesRepository(e.Images, t.evidence.Image.Repository) {
			continue
		}
		one := exception{VulnerabilityException: e, in: from.Name, pattern: pattern, ends: e.ExpiresAt.Time(), bounds: bounds}
		if len(e.Digests) > 0 && !slices.Contains(e.Digests, digest) {
			for _, manifest := range e.Digests {
				one.manifests = append(one.manifests, string(manifest))
			}
		}
		byID[lower(e.ID)] = append(byID[lower(e.ID)], one)
	}
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
			if x.compare(s) && e.covers(s) && x.holds(e) && (longest == nil || compareExceptions(e, longest) < 0) {
				longest = e
			}
		}
	}
	if longest == nil {
		return nil
	}
	excused, reference := x.excused(s, longest.in, fieldExceptions), referenceTo(longest.VulnerabilityException)
	excused.Exception, excused.ExceptionPolicy = &reference, longest.in
	excused.Owner, excused.Reason, excused.Until = longest.Owner, longest.Reason, longest.ends
	return excused
}

// compareExceptions orders the one that ends last first, so that which one is named does not depend on any order.
func compareExceptions(a, b *exception) int {
	return cmp.Or(
		b.ends.Compare(a.ends),
		cmp.Compare(a.in, b.in),
		compareReferences(referenceTo(a.VulnerabilityException), referenceTo(b.VulnerabilityException)),
	)
}

// covers says that the exception speaks of the finding, wherever in the image that is, and within the bounds of who delegates.
func (e *exception) covers(s *sighting) bool {
	if e.ExpireOnFix && s.FixedVersion != "" || e.bounds != nil && !severeAtMost(e.bounds.MaxSeverity, s.Severity) {
		return false
	}
	for i := range s.places {
		where := &s.places[i]
		if e.manifests != nil && !slices.Contains(e.manifests, where.manifest.String()) || e.pattern.Match(where.packageAt()) != purl.Yes {
			return false
		}
	}
	return true
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
	var begins time.Time
	if e.bounds != nil {
		begins = e.ends.Add(-e.bounds.MaxDuration.Duration(0))
	}
	if t.now.Before(begins) {
		t.changesAt(begins)
		return false
	}
	t.changesAt(e.ends)
	return t.now.Before(e.ends)
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
