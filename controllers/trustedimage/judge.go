// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
)

// grace is how long a trusted digest that stopped passing stays admissible.
const grace = 72 * time.Hour

// judge reaches a verdict on every digest with evidence, and marks the trusted ones that stopped passing.
func (r *Reconciler) judge(ctx context.Context, s *scope) {
	r.Roster.Stand(s.name, s.manifests())
	r.Roster.NoteJars(s.name, s.hasJars())
	for i := range s.trusted {
		e := &s.trusted[i]
		e.verdict = r.verdictOn(ctx, s, e.reference, e.record.TrustedAt.Time(), e.replaces)
		e.inputs = policy.Attached(s.policies[e.reference.Repository].Policies, s.examined[e.reference], s.now)
	}
	r.judgeCandidate(ctx, s)
	kept := s.trusted[:0]
	for _, e := range s.trusted {
		if s.mark(&e) {
			kept = append(kept, e)
		} else {
			s.ended = append(s.ended, e.reference)
		}
	}
	s.trusted = kept
}

// judgeCandidate reaches the verdict on the candidate: that on the current digest when it is that, and otherwise the one on a
// digest that would replace it.
func (r *Reconciler) judgeCandidate(ctx context.Context, s *scope) {
	current := s.current()
	var verdict *policy.Verdict
	switch {
	case s.candidate == nil:
	case current == nil:
		verdict = r.verdictOn(ctx, s, *s.candidate, time.Time{}, nil)
	case current.reference == *s.candidate:
		verdict = current.verdict
	default:
		verdict = r.verdictOn(ctx, s, *s.candidate, time.Time{}, &current.reference)
	}
	if verdict != nil {
		s.verdict = *verdict
	}
}

// verdictOn judges a digest, nil when nobody could. replaces is what the environment trusted before it, nil for nothing. While
// nothing is known of that, because somebody cannot be asked, a digest that is compared with it is not judged: an outage takes no
// trust away.
func (r *Reconciler) verdictOn(ctx context.Context, s *scope, reference image.Reference, trustedAt time.Time, replaces *image.Reference) *policy.Verdict {
	policies := r.policiesFor(ctx, s, reference.Repository)
	if policies.err != nil {
		return nil
	}
	examined, known := r.examine(ctx, s, reference)
	if !known && len(policies.Policies) > 0 {
		return nil
	}
	circumstances := policy.Circumstances{Now: s.now, TrustedAt: trustedAt}
	if replaces != nil && compares(policies.Policies) {
		if s.unknown[*replaces] {
			return nil
		}
		if before, known := r.examine(ctx, s, *replaces); known {
			circumstances.Replaces = &before
		}
	}
	verdict := policy.Judge(policies.Policies, examined, circumstances)
	s.soon(verdict.Until)
	return &verdict
}

// examine returns what is known of a digest now, and false when nothing was gathered of it.
func (r *Reconciler) examine(ctx context.Context, s *scope, reference image.Reference) (evidence.Evidence, bool) {
	if examined, done := s.examined[reference]; done {
		return examined, true
	}
	collected, gathered := s.evidence[reference]
	if !gathered {
		return evidence.Evidence{}, false
	}
	policies := r.policiesFor(ctx, s, reference.Repository)
	examined := r.Gatherer.Examine(ctx, collected, policies.wanted(s.now))
	s.examined[reference] = examined
	return examined, true
}

// wanted is what the policies look at beside findings.
func (m matched) wanted(now time.Time) gather.Wanted {
	return gather.Wanted{
		Packages: policy.NeedsPackages(m.Policies), Statements: policy.PredicateTypes(m.Policies), Believed: policy.Believes(m.Policies, now), Layouts: m.Layouts, Now: now,
	}
}

// mark records whether a trusted digest still passes, and says whether it stays. Undetermined changes nothing.
// Without a policy there is nothing that it passes.
func (s *scope) mark(e *entry) bool {
	policies := s.policies[e.reference.Repository]
	switch {
	case e.verdict == nil || policies.err != nil:
	case e.verdict.Outcome == policy.Trusted:
		e.record.NotPassingSince = nil
		e.passed = policy.Hash(policies.Policies)
	case e.verdict.Outcome == policy.Rejected || len(policies.Policies) == 0:
		if e.record.NotPassingSince == nil {
			since := v1alpha1.NewTimestamp(s.now)
			e.record.NotPassingSince = &since
		}
	}
	if e.record.NotPassingSince == nil {
		return true
	}
	ends := e.record.NotPassingSince.Time().Add(grace)
	if !ends.After(s.now) {
		return e.verdict == nil && s.pending // Nobody looked for a while; whether it passes now will be known in a moment.
	}
	s.soon(ends)
	return true
}

// soon notes a moment at which time alone may change how a digest is judged.
func (s *scope) soon(at time.Time) {
	if at.After(s.now) && (s.until.IsZero() || at.Before(s.until)) {
		s.until = at
	}
}

// compares says that a policy compares a digest with the one that it replaces.
func compares(policies []policy.Policy) bool {
	for _, p := range policies {
		if p.Spec.Vulnerabilities != nil && p.Spec.Vulnerabilities.NotWorseThanCurrent {
			return true
		}
	}
	return false
}
