// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/promotion"
	"github.com/assay-dev/assay/internal/reconcile"
)

// resolveUpstream asks what the upstream offers.
func (r *Reconciler) resolveUpstream(ctx context.Context, s *scope) (*image.Reference, error) {
	policies, err := r.Policies.Policies.List(ctx, s.name.Namespace)
	if err != nil {
		return nil, err
	}
	from := upstreamName(s.object)
	request := promotion.Request{
		Taker:    environment(s.name),
		From:     environment(from),
		Policies: policies,
	}
	if current := s.current(); current != nil {
		request.Current = current.reference
	}
	if request.Upstream, request.Chain, err = r.upstream(ctx, from); err != nil {
		return nil, err
	}
	decision := promotion.Decide(request)
	if decision.Result != v1alpha1.ResultPass {
		return nil, refused(decision)
	}
	return &decision.Candidate.Reference, nil
}

// allowRegistry says whether the policies let the environment take digests from a registry.
func (r *Reconciler) allowRegistry(ctx context.Context, s *scope, repository image.Repository) error {
	policies := r.policiesFor(ctx, s, repository)
	if policies.err != nil {
		return policies.err
	}
	if decision := promotion.DecideRegistry(s.name.Namespace, repository, policies.Policies); decision.Result != v1alpha1.ResultPass {
		return refused(decision)
	}
	return nil
}

// refused turns a decision into what is done about it: a spec has to change, or the upstream, whose events are watched.
func refused(decision promotion.Decision) error {
	switch decision.Reason {
	case v1alpha1.ReasonUpstreamCycle, v1alpha1.ReasonSourceNotAllowed:
		return &reconcile.Stalled{Reason: decision.Reason, Message: decision.Message}
	}
	return &reconcile.Waiting{Reason: decision.Reason, Message: decision.Message}
}

// upstream reads the upstream, without the entries that Assay did not sign, and the names of its own upstreams.
func (r *Reconciler) upstream(ctx context.Context, name types.NamespacedName) (evidence.Fact[*promotion.Upstream], []evidence.Environment, error) {
	object, err := r.read(ctx, name)
	if err != nil || object == nil {
		return evidence.Checked[*promotion.Upstream](nil), nil, err
	}
	entries, _ := r.Seals.verified(ctx, name, recorded(&object.Status))
	upstream := &promotion.Upstream{PromoteTo: object.Spec.PromoteTo}
	for _, e := range entries {
		if current := object.Status.Trusted; current != nil && current.Digest == e.record.Digest && current.Repository == e.record.Repository {
			upstream.Trusted = &e.record
		} else {
			upstream.History = append(upstream.History, e.record)
		}
	}
	var chain []evidence.Environment
	for object != nil && object.Spec.Source.UpstreamRef != nil && len(chain) <= promotion.MaxChain {
		next := upstreamName(object)
		chain = append(chain, environment(next))
		if object, err = r.read(ctx, next); err != nil {
			return evidence.Fact[*promotion.Upstream]{}, nil, err
		}
	}
	return evidence.Checked(upstream), chain, nil
}

// read returns the TrustedImage from the cache, nil when it does not exist.
func (r *Reconciler) read(ctx context.Context, name types.NamespacedName) (*v1alpha1.TrustedImage, error) {
	var object v1alpha1.TrustedImage
	err := r.Client.Get(ctx, name, &object)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // That there is no such object is an answer.
	}
	if err != nil {
		return nil, fmt.Errorf("read TrustedImage %s: %w", name, err)
	}
	return &object, nil
}

func upstreamName(object *v1alpha1.TrustedImage) types.NamespacedName {
	upstream := object.Spec.Source.UpstreamRef
	return types.NamespacedName{Namespace: string(upstream.Namespace), Name: string(upstream.Name)}
}
