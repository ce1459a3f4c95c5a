// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package imagepolicy says in the status of each ImagePolicy and ClusterImagePolicy whether it can be applied.
package imagepolicy

import (
	"context"
	"time"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/reconcile"
)

// How soon keys in ConfigMaps are looked at again. ConfigMaps are not watched: a watch would hold all of the cluster's.
const (
	lookAgain    = 10 * time.Minute
	lookForWrong = 30 * time.Second // while something is missing or wrong in one
)

// Reconciler looks after one kind of policies.
type Reconciler[P client.Object] struct {
	// Client reads from the cache and writes statuses.
	Client client.Client
	// Keys finds the keys of the policies.
	Keys *keys.Resolver
	// Clock tells the time.
	Clock clock.PassiveClock

	kind kind[P]
}

// kind is what tells the two kinds of policies apart.
type kind[P client.Object] struct {
	empty  func() P
	policy func(P) policy.Policy
	status func(P) *v1alpha1.PolicyStatus
}

// ForImagePolicies returns a reconciler of ImagePolicies.
func ForImagePolicies(c client.Client, resolver *keys.Resolver, clock clock.PassiveClock) *Reconciler[*v1alpha1.ImagePolicy] {
	return &Reconciler[*v1alpha1.ImagePolicy]{Client: c, Keys: resolver, Clock: clock, kind: kind[*v1alpha1.ImagePolicy]{
		empty:  func() *v1alpha1.ImagePolicy { return &v1alpha1.ImagePolicy{} },
		policy: policy.FromImagePolicy,
		status: func(p *v1alpha1.ImagePolicy) *v1alpha1.PolicyStatus { return &p.Status },
	}}
}

// ForClusterImagePolicies returns a reconciler of ClusterImagePolicies.
func ForClusterImagePolicies(c client.Client, resolver *keys.Resolver, clock clock.PassiveClock) *Reconciler[*v1alpha1.ClusterImagePolicy] {
	return &Reconciler[*v1alpha1.ClusterImagePolicy]{Client: c, Keys: resolver, Clock: clock, kind: kind[*v1alpha1.ClusterImagePolicy]{
		empty:  func() *v1alpha1.ClusterImagePolicy { return &v1alpha1.ClusterImagePolicy{} },
		policy: policy.FromClusterImagePolicy,
		status: func(p *v1alpha1.ClusterImagePolicy) *v1alpha1.PolicyStatus { return &p.Status },
	}}
}

// Reconcile looks at one policy and writes its status when that changed.
func (r *Reconciler[P]) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	object := r.kind.empty()
	if err := r.Client.Get(ctx, request.NamespacedName, object); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if object.GetDeletionTimestamp() != nil {
		return ctrl.Result{}, nil
	}
	found := r.look(ctx, r.kind.policy(object))
	changed := object.DeepCopyObject().(P)
	writeStatus(r.kind.status(changed), object.GetGeneration(), r.Clock.Now(), found)
	_, err := reconcile.PatchStatus(ctx, r.Client.Status(), object, changed, func(o client.Object) any {
		return *r.kind.status(o.(P))
	})
	if client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: found.lookAgain}, found.err
}

func (r *Reconciler[P]) look(ctx context.Context, p policy.Policy) findings {
	resolved, err := r.Keys.Resolve(ctx, []policy.Policy{p})
	if err != nil {
		return findings{err: err}
	}
	return inspect(resolved.Policies[0])
}
