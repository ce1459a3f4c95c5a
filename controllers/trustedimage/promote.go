// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/reconcile"
)

// maxHistory is how many digests stay admissible beside the current one.
const maxHistory = 5

// promote makes a candidate that passes the trusted digest, and writes down what is trusted where an emptied status is refilled
// from, all before the status says so. When that cannot be written, nothing new is trusted, and what is stays.
func (r *Reconciler) promote(ctx context.Context, s *scope) {
	if !s.recalled {
		return
	}
	trusted, err := r.renewed(ctx, s)
	if err == nil && s.passes() {
		trusted, err = r.withCandidate(ctx, s, trusted)
	}
	if err == nil {
		err = r.Seals.remember(ctx, s.name, trusted)
	}
	if err != nil {
		s.sealErr = &reconcile.Failed{
			Reason:  v1alpha1.ReasonStorageFailed,
			Message: "the evidence store cannot be written: " + err.Error(),
			Cause:   err,
		}
		return
	}
	s.promoted = s.passes()
	s.trusted = trusted
}

// passes says that the candidate is new here and passes every policy.
func (s *scope) passes() bool {
	if s.candidate == nil || s.verdict.Outcome != policy.Trusted {
		return false
	}
	current := s.current()
	return current == nil || current.reference != *s.candidate
}

// renewed returns the trusted entries, those that passed other policies than before signed anew. None is ever without a valid
// signature.
func (r *Reconciler) renewed(ctx context.Context, s *scope) ([]entry, error) {
	entries := append([]entry(nil), s.trusted...)
	for i, e := range entries {
		hash := v1alpha1.DigestString(e.passed.String())
		if hash == "" || hash == e.record.PoliciesHash {
			continue
		}
		e.record.PoliciesHash = hash
		if err := r.Seals.signEntry(ctx, s.name, &e.record); err != nil {
			return nil, err
		}
		entries[i] = e
	}
	return entries, nil
}

// withCandidate returns the trusted entries with the candidate, sealed and signed, in front.
func (r *Reconciler) withCandidate(ctx context.Context, s *scope, trusted []entry) ([]entry, error) {
	added := entry{
		reference: *s.candidate,
		inputs:    policy.Attached(s.policies[s.candidate.Repository].Policies, s.examined[*s.candidate], s.now),
		record: v1alpha1.TrustedDigest{
			Digest:       v1alpha1.DigestString(s.candidate.Digest.String()),
			Repository:   s.candidate.Repository.String(),
			Platforms:    platformDigests(s.evidence[*s.candidate]),
			TrustedAt:    v1alpha1.NewTimestamp(s.now),
			PoliciesHash: v1alpha1.DigestString(policy.Hash(s.policies[s.candidate.Repository].Policies).String()),
		},
	}
	if len(trusted) > 0 {
		added.record.Replaces = &v1alpha1.DigestReference{Digest: trusted[0].record.Digest, Repository: trusted[0].record.Repository}
	}
	bundle, err := r.Seals.seal(ctx, s.name, added)
	if err != nil {
		return nil, err
	}
	added.record.SealDigest = v1alpha1.DigestString(image.DigestOf(bundle).String())
	if err := r.Seals.signEntry(ctx, s.name, &added.record); err != nil {
		return nil, err
	}
	entries := []entry{added}
	for _, e := range trusted {
		if e.reference != *s.candidate && len(entries) <= maxHistory {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// platformDigests are the manifests of an index; none for an image that is its own only manifest.
func platformDigests(collected evidence.Evidence) []v1alpha1.PlatformDigest {
	if len(collected.Platforms) == 1 && collected.Platforms[0].Manifest == collected.Image.Digest {
		return nil
	}
	digests := make([]v1alpha1.PlatformDigest, 0, len(collected.Platforms))
	for _, p := range collected.Platforms {
		digests = append(digests, v1alpha1.PlatformDigest{
			Platform: v1alpha1.PlatformString(p.Platform.String()),
			Digest:   v1alpha1.DigestString(p.Manifest.String()),
		})
	}
	return digests
}
