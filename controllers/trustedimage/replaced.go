// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"

	"github.com/assay-dev/assay/internal/image"
)

// predecessor is the digest that a trusted one replaced, where a policy compares with it: what was written down then, since a
// digest whose trust ended is in the history no more, and for an entry that was restored from its seal the next older one. It
// is nil when there is none.
func (r *Reconciler) predecessor(ctx context.Context, s *scope, i int) *image.Reference {
	policies := r.policiesFor(ctx, s, s.trusted[i].reference.Repository)
	if policies.err != nil || !compares(policies.Policies) {
		return nil
	}
	if written := s.trusted[i].record.Replaces; written != nil {
		if reference, err := image.ParseReference(written.Repository + "@" + string(written.Digest)); err == nil {
			return &reference
		}
	}
	if i+1 < len(s.trusted) {
		return &s.trusted[i+1].reference
	}
	return nil
}
