// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
)

// grace is how long a trusted digest that stopped passing stays admissible.
const grace = 72 * time.Hour

// judge reaches a verdict on every digest with evidence, and marks the trusted ones that stopped passing.
func (r *Reconciler) judge(ctx context.Context, s *scope) {
	if s.candidate != nil {
		r.judgeDigest(ctx, s, *s.candidate)
	}
	kept := s.trusted[:0]
	for _, e := range s.trusted {
		r.judgeDigest(ctx, s, e.reference)
		if s.mark(&e) {
			kept = append(kept, e)
		} else {
			s.ended = append(s.ended, e.reference)
		}
	}
	s.trusted = kept
}

func (r *Reconciler) judgeDigest(ctx context.Context, s *scope, reference image.Reference) {
	policies := r.policiesFor(ctx, s, reference.Repository)
	if _, done := s.verdicts[reference]; done || policies.err != nil {
		return
	}
	collected, gathered := s.evidence[reference]
	if gathered || len(policies.Policies) == 0 {
		examined := r.Gatherer.Examine(ctx, collected, gather.Wanted{})
		s.evidence[reference] = examined
		s.verdicts[reference] = policy.Judge(policies.Policies, examined, policy.Circumstances{Now: s.now})
	}
}

// mark records whether a trusted digest still passes, and says whether it stays. Undetermined changes nothing.
// Without a policy there is nothing that it passes.
func (s *scope) mark(e *entry) bool {
	verdict, judged := s.verdicts[e.reference]
	policies := s.policies[e.reference.Repository]
	switch {
	case !judged || policies.err != nil:
	case verdict.Outcome == policy.Trusted:
		e.record.NotPassingSince = nil
		e.passed = policy.Hash(policies.Policies)
	case verdict.Outcome == policy.Rejected || len(policies.Policies) == 0:
		if e.record.NotPassingSince == nil {
			since := v1alpha1.NewTimestamp(s.now)
			e.record.NotPassingSince = &since
		}
	}
	if e.record.NotPassingSince == nil {
		return true
	}
	left := e.record.NotPassingSince.Time().Add(grace).Sub(s.now)
	if left <= 0 && !judged && s.pending {
		return true // Nobody looked for a while; whether it passes now will be known in a moment.
	}
	if left > 0 && (s.graceEnds == 0 || left < s.graceEnds) {
		s.graceEnds = left
	}
	return left > 0
}
