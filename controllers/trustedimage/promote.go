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

// promote makes a candidate that passes the trusted digest, signs what changed, and writes it down where an emptied status
// is refilled from, all before the status says so. When that cannot be written, nothing new is trusted.
func (r *Reconciler) promote(ctx context.Context, s *scope) {
	if !s.recalled {
		return
	}
	before := append([]entry(nil), s.trusted...)
	if s.passes() {
		s.trusted = s.withCandidate()
		s.promoted = true
	}
	if err := r.record(ctx, s); err != nil {
		s.trusted, s.promoted = before, false
		s.sealErr = &reconcile.Failed{
			Reason:  v1alpha1.ReasonStorageFailed,
			Message: "the evidence store cannot be written: " + err.Error(),
			Cause:   err,
		}
	}
}

// passes says that the candidate is new here and passes every policy.
func (s *scope) passes() bool {
	if s.candidate == nil || s.verdicts[*s.candidate].Outcome != policy.Trusted {
		return false
	}
	current := s.current()
	return current == nil || current.reference != *s.candidate
}

// withCandidate returns the trusted entries with the candidate in front.
func (s *scope) withCandidate() []entry {
	collected := s.evidence[*s.candidate]
	entries := []entry{{
		reference: *s.candidate,
		record: v1alpha1.TrustedDigest{
			Digest:       v1alpha1.DigestString(s.candidate.Digest.String()),
			Repository:   s.candidate.Repository.String(),
			Platforms:    platformDigests(collected),
			TrustedAt:    v1alpha1.NewTimestamp(s.now),
			PoliciesHash: v1alpha1.DigestString(policy.Hash(s.policies[s.candidate.Repository].Policies).String()),
		},
	}}
	for _, e := range s.trusted {
		if e.reference != *s.candidate && len(entries) <= maxHistory {
			entries = append(entries, e)
		}
	}
	return entries
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

// record seals the current digest, signs the entries, and writes them to the ledger.
func (r *Reconciler) record(ctx context.Context, s *scope) error {
	for i := range s.trusted {
		record := &s.trusted[i].record
		if i == 0 && record.SealDigest == "" {
			bundle, err := r.Seals.seal(ctx, s.name, s.trusted[i], s.now)
			if err != nil {
				return err
			}
			record.SealDigest = v1alpha1.DigestString(image.DigestOf(bundle).String())
		}
		if err := r.Seals.sign(ctx, s.name, record); err != nil {
			return err
		}
	}
	return r.Seals.remember(ctx, s.name, s.trusted)
}
