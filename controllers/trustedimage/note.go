// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/reconcile"
	"github.com/assay-dev/assay/internal/roster"
)

// note remembers what the judgement used of policies, and tells those of which that is another than before. What could not be
// judged for now leaves it as it was.
func (r *Reconciler) note(ctx context.Context, s *scope) {
	if source := s.object.Spec.Source.Registry; source != nil {
		if repository, err := image.ParseRepository(source.Repository); err == nil {
			_ = r.policiesFor(ctx, s, repository) // Also when it was not asked: the policies speak of the object.
		}
	}
	open, uses := false, map[string]*roster.Use{}
	for _, policies := range s.policies {
		for _, p := range policies.Policies {
			uses[p.Name] = &roster.Use{Policy: p.Name, Generation: p.Generation}
		}
	}
	if s.candidate != nil {
		noteVerdict(s.verdict, uses)
		open = s.isOpen(*s.candidate, s.verdict)
	}
	for _, e := range s.trusted {
		if e.verdict != nil {
			noteVerdict(*e.verdict, uses)
			open = open || s.isOpen(e.reference, *e.verdict)
		}
	}
	if !s.complete() {
		r.Roster.Judged(s.name, open, nil)
		return
	}
	list := make([]roster.Use, 0, len(uses))
	for _, name := range slices.Sorted(maps.Keys(uses)) {
		list = append(list, *uses[name])
	}
	r.usesChanged(ctx, r.Roster.Judged(s.name, open, list))
}

// noteVerdict adds the exceptions that excused something.
func noteVerdict(verdict policy.Verdict, uses map[string]*roster.Use) {
	for name, exceptions := range policy.Used(verdict) {
		use, there := uses[name]
		if !there {
			continue
		}
		for _, exception := range exceptions {
			if !slices.Contains(use.Exceptions, exception) {
				use.Exceptions = append(use.Exceptions, exception)
			}
		}
	}
}

// isOpen says that something is not known of the digest that another edition of a database or a feed may tell.
func (s *scope) isOpen(reference image.Reference, verdict policy.Verdict) bool {
	for _, platform := range s.examined[reference].Platforms {
		if platform.Findings.State != evidence.Known {
			return true
		}
	}
	return slices.ContainsFunc(verdict.Rules, func(rule v1alpha1.RuleResult) bool { return rule.Result == v1alpha1.ResultUnknown })
}

// complete says that all was judged that there is: nothing is under way, and what keeps a digest from being judged will not pass
// by itself.
func (s *scope) complete() bool {
	if s.pending || !s.recalled {
		return false
	}
	for _, err := range []error{s.resolveErr, s.gatherErr} {
		var failed *reconcile.Failed
		if errors.As(err, &failed) {
			return false
		}
	}
	return !slices.ContainsFunc(s.trusted, func(e entry) bool { return e.verdict == nil })
}
