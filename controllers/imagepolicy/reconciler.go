// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package imagepolicy says in the status of each ImagePolicy and ClusterImagePolicy whether it can be applied, which of its
// exceptions end soon or excuse nothing, and what is loaded of the feeds that its rules read.
package imagepolicy

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/alarm"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/reconcile"
	"github.com/assay-dev/assay/internal/roster"
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
	Surroundings

	kind kind[P]
	// moments wakes policies when exceptions come near their end and when they end.
	moments *alarm.Bell
}

// Surroundings are what the reconcilers of both kinds have in common.
type Surroundings struct {
	// Keys finds the keys of the policies.
	Keys *keys.Resolver
	// Roster knows which exceptions excused something.
	Roster *roster.Roster
	// Feeds tells what is loaded.
	Feeds Feeds
	// Alarm wakes policies.
	Alarm *alarm.Alarm
	// Recorder sends events.
	Recorder events.EventRecorder
	// Clock tells the time.
	Clock clock.PassiveClock
}

// kind is what tells the two kinds of policies apart.
type kind[P client.Object] struct {
	empty  func() P
	policy func(P) policy.Policy
	status func(P) *v1alpha1.PolicyStatus
}

// ForImagePolicies returns a reconciler of ImagePolicies, whose moments ring by wake.
func ForImagePolicies(c client.Client, s Surroundings, wake func(context.Context, types.NamespacedName)) *Reconciler[*v1alpha1.ImagePolicy] {
	return &Reconciler[*v1alpha1.ImagePolicy]{Client: c, Surroundings: s, moments: s.Alarm.Bell(wake), kind: kind[*v1alpha1.ImagePolicy]{
		empty:  func() *v1alpha1.ImagePolicy { return &v1alpha1.ImagePolicy{} },
		policy: policy.FromImagePolicy,
		status: func(p *v1alpha1.ImagePolicy) *v1alpha1.PolicyStatus { return &p.Status },
	}}
}

// ForClusterImagePolicies returns a reconciler of ClusterImagePolicies, whose moments ring by wake.
func ForClusterImagePolicies(c client.Client, s Surroundings, wake func(context.Context, types.NamespacedName)) *Reconciler[*v1alpha1.ClusterImagePolicy] {
	return &Reconciler[*v1alpha1.ClusterImagePolicy]{Client: c, Surroundings: s, moments: s.Alarm.Bell(wake), kind: kind[*v1alpha1.ClusterImagePolicy]{
		empty:  func() *v1alpha1.ClusterImagePolicy { return &v1alpha1.ClusterImagePolicy{} },
		policy: policy.FromClusterImagePolicy,
		status: func(p *v1alpha1.ClusterImagePolicy) *v1alpha1.PolicyStatus { return &p.Status },
	}}
}

// Reconcile looks at one policy and writes its status when that changed.
func (r *Reconciler[P]) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	object := r.kind.empty()
	if err := r.Client.Get(ctx, request.NamespacedName, object); err != nil {
		if apierrors.IsNotFound(err) {
			r.moments.Set(request.NamespacedName, time.Time{})
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if object.GetDeletionTimestamp() != nil {
		return ctrl.Result{}, nil
	}
	p, now := r.kind.policy(object), r.Clock.Now()
	found := r.look(ctx, p)
	r.moments.Set(request.NamespacedName, policy.NextExpiry(p.Spec, now, ahead))
	changed := object.DeepCopyObject().(P)
	expiring := r.writeStatus(r.kind.status(changed), p, now, found)
	wrote, err := reconcile.PatchStatus(ctx, r.Client.Status(), object, changed, func(o client.Object) any {
		return *r.kind.status(o.(P))
	})
	if client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, err
	}
	if wrote && expiring != "" {
		r.Recorder.Eventf(changed, nil, corev1.EventTypeWarning, v1alpha1.ReasonExceptionsExpiring, "Judge", "%s", evidence.Printable(expiring, maxNote))
	}
	return ctrl.Result{RequeueAfter: found.lookAgain}, found.err
}

// maxNote bounds the note of an event, in characters (events.k8s.io allows 1 kB).
const maxNote = 512

// look finds out what is wrong with the policy, and which of its exceptions excuse nothing.
func (r *Reconciler[P]) look(ctx context.Context, p policy.Policy) findings {
	resolved, err := r.Keys.Resolve(ctx, []policy.Policy{p})
	if err != nil {
		return findings{err: err}
	}
	found := inspect(resolved.Policies[0])
	if found.unused, found.settled, err = r.unused(ctx, p); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Look for exceptions that excuse nothing")
	}
	return found
}

// writeStatus writes what was found. expiring is what an event tells of exceptions, empty when that is nothing new.
func (r *Reconciler[P]) writeStatus(status *v1alpha1.PolicyStatus, p policy.Policy, now time.Time, found findings) (expiring string) {
	status.ObservedGeneration = p.Generation
	conditions := reconcile.Conditions{List: &status.Conditions, Generation: p.Generation, Now: now}
	writeReady(conditions, found)
	writeFeeds(status, conditions, p.Spec, r.Feeds)
	if found.settled {
		status.UnusedExceptions = found.unused
	}
	message, news := writeExpiring(conditions, policy.Expiring(p.Spec, now, ahead))
	if !news {
		return ""
	}
	return message
}
