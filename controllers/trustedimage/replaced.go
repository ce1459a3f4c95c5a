// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// predecessor is the digest that a trusted one replaced, where a policy compares with it: what was written down then, since a
// digest whose trust ended is in the history no more, and on a fresh disk the next older one. It is nil when there is none.
func (r *Reconciler) predecessor(ctx context.Context, s *scope, i int) *image.Reference {
	policies := r.policiesFor(ctx, s, s.trusted[i].reference.Repository)
	if policies.err != nil || !compares(policies.Policies) {
		return nil
	}
	if written, found := r.Seals.replaced(ctx, s.name, s.trusted[i].reference); found {
		return &written
	}
	if i+1 < len(s.trusted) {
		return &s.trusted[i+1].reference
	}
	return nil
}

// replaced reads what a digest replaced in an environment.
func (s *Seals) replaced(ctx context.Context, name types.NamespacedName, reference image.Reference) (image.Reference, bool) {
	content, err := s.Store.Get(ctx, reference.Digest, evidence.PredecessorKind(environment(name)))
	if err != nil {
		return image.Reference{}, false
	}
	written, err := image.ParseReference(string(content))
	return written, err == nil
}

// replace writes down what a digest replaces in an environment.
func (s *Seals) replace(ctx context.Context, name types.NamespacedName, reference, replaced image.Reference) error {
	return s.Store.Put(ctx, reference.Digest, evidence.PredecessorKind(environment(name)), []byte(replaced.String()))
}
