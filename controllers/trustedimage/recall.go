// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"fmt"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/reconcile"
	"github.com/assay-dev/assay/internal/workpool"
)

// entry is a trusted digest of the status, decoded.
type entry struct {
	record    v1alpha1.TrustedDigest
	reference image.Reference
	// replaces is what the environment trusted before, where a policy compares with it. Set by gather.
	replaces *image.Reference
	// verdict of this reconcile, nil when there is none. Set by judge.
	verdict *policy.Verdict
	// inputs are the attachments that the verdict of this reconcile rests on. Set by judge.
	inputs []image.Digest
	// passed is the hash of the policies that the digest passed in this reconcile, zero when it passed none. Set by judge.
	passed image.Digest
}

// message says why the digest does not pass, as far as that was found out in this reconcile.
func (e *entry) message() string {
	if e.verdict == nil {
		return ""
	}
	return e.verdict.Message()
}

// recall reads what the environment trusts: from the status when every entry there has a valid signature, and from the ledger
// when the status was emptied or tampered with. Without a ledger the entries with a valid signature count.
func (r *Reconciler) recall(ctx context.Context, s *scope) {
	entries, forged := r.Seals.verified(ctx, s.name, recorded(&s.object.Status))
	if len(entries) > 0 && forged == 0 {
		s.trusted, s.recalled, s.remembered = entries, true, true
		return
	}
	records, found, err := r.Seals.ledger(ctx, s.name)
	if err != nil {
		s.recallErr = &reconcile.Failed{Reason: v1alpha1.ReasonStorageFailed, Message: "the evidence store cannot be read: " + err.Error(), Cause: err}
		return
	}
	if found {
		entries, _ = r.Seals.verified(ctx, s.name, records)
	}
	s.trusted, s.forged = entries, forged
	s.recalled, s.remembered = true, found || len(entries) > 0
}

// recorded are the entries of a status, the current digest first.
func recorded(status *v1alpha1.TrustedImageStatus) []v1alpha1.TrustedDigest {
	if status.Trusted == nil {
		return status.History
	}
	return append([]v1alpha1.TrustedDigest{*status.Trusted}, status.History...)
}

// restore looks for Assay's own seals on the candidate when the environment remembers nothing, so that an emptied status on a
// fresh disk is refilled without pulling the image. A status that speaks of a candidate was not emptied: what it does not trust had
// no trust, or trust that ended.
func (r *Reconciler) restore(_ context.Context, s *scope) {
	if !s.recalled || s.remembered || s.candidate == nil || s.object.Status.Candidate != nil {
		return
	}
	reference, reader := *s.candidate, s.reader
	key := workpool.Key{
		Subject: fmt.Sprintf("restore/%s", s.name),
		Version: fmt.Sprintf("%s/%s/%s", s.object.UID, reference, s.credentials),
		Host:    reference.Repository.Host(),
		Account: s.credentials,
		Urgent:  true,
	}
	sealed, done, err := workpool.Do(r.Pool, key, s.name, s.interval(), func(ctx context.Context) (*v1alpha1.TrustedDigest, error) {
		return r.Seals.find(ctx, reader, s.name, reference)
	})
	switch {
	case !done:
		s.pending = true
	case err == nil && sealed != nil: // After an error the image can still be judged anew.
		s.trusted = []entry{{record: *sealed, reference: reference}}
	}
}
