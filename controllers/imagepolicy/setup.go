// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package imagepolicy

import (
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/assay-dev/assay/internal/policy/keys"
)

// SetupWithManager registers a reconciler for each kind of policies. Only changes of a spec wake it, not its own writes.
func SetupWithManager(mgr ctrl.Manager, resolver *keys.Resolver) error {
	if err := ForImagePolicies(mgr.GetClient(), resolver, clock.RealClock{}).register(mgr, "imagepolicy"); err != nil {
		return err
	}
	return ForClusterImagePolicies(mgr.GetClient(), resolver, clock.RealClock{}).register(mgr, "clusterimagepolicy")
}

func (r *Reconciler[P]) register(mgr ctrl.Manager, name string) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named(name).
		For(r.kind.empty(), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Complete(r)
}
