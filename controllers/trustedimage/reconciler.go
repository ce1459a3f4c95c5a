// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package trustedimage reconciles TrustedImages: it resolves, gathers, judges, promotes and seals, a file per phase, and
// writes what came of it in one patch of the status.
package trustedimage

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/alarm"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/reconcile"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/roster"
	"github.com/assay-dev/assay/internal/vulnerability"
	"github.com/assay-dev/assay/internal/workpool"
)

// Reconciler reconciles TrustedImages. Its fields are set once.
type Reconciler struct {
	// Client reads from the cache and writes statuses.
	Client client.Client
	// Secrets reads Secrets uncached: Assay may read only those of namespaces that consented.
	Secrets client.Reader
	// Policies gives the policies with their keys.
	Policies *keys.Resolver
	// Registries gives readers for the credentials of each object.
	Registries registry.Provider
	// Gatherer collects evidence.
	Gatherer *gather.Gatherer
	// Describer tells what reports say of vulnerabilities.
	Describer vulnerability.Describer
	// Roster remembers what each object's judgement rested on.
	Roster *roster.Roster
	// UsesChanged is told of policies of whose exceptions others are used than before; nil when nobody wants to know.
	UsesChanged func(ctx context.Context, policies []string)
	// Moments wakes objects when time alone changes how they are judged.
	Moments *alarm.Bell
	// Seals keeps and makes what makes an entry trust.
	Seals *Seals
	// Times publishes first-seen times; nil when nobody keeps them.
	Times Times
	// Pool runs what needs the network or a child process.
	Pool *workpool.Pool
	// Recorder sends events.
	Recorder events.EventRecorder
	// Clock tells the time.
	Clock clock.PassiveClock
}

// conflictRetry is how soon an object is looked at again that changed while it was reconciled.
const conflictRetry = 100 * time.Millisecond

// Reconcile looks at one TrustedImage.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var object v1alpha1.TrustedImage
	if err := r.Client.Get(ctx, request.NamespacedName, &object); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(ctx, request.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !object.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	s := newScope(&object, r.Clock.Now())
	r.run(ctx, s)
	r.Moments.Set(s.name, s.until)
	changed := object.DeepCopy()
	s.writeStatus(&changed.Status)
	_, err := reconcile.PatchStatus(ctx, r.Client.Status(), &object, changed, func(o client.Object) any {
		return o.(*v1alpha1.TrustedImage).Status
	})
	if apierrors.IsConflict(err) {
		// Somebody wrote in between; the cache will have it in a moment.
		return ctrl.Result{RequeueAfter: conflictRetry}, nil
	}
	if err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	r.sendEvents(&object, changed, s)
	return s.result()
}

// run takes the phases in their order. Each fills its part of the scope; one whose input is missing does nothing.
func (r *Reconciler) run(ctx context.Context, s *scope) {
	phases := []func(context.Context, *scope){
		r.recall, r.authenticate, r.resolve, r.restore, r.gather, r.judge, r.note, r.report, r.promote, r.publish, r.seal,
	}
	for _, phase := range phases {
		phase(ctx, s)
	}
}

// forget forgets an object that is no more.
func (r *Reconciler) forget(ctx context.Context, name types.NamespacedName) {
	r.Moments.Set(name, time.Time{})
	r.usesChanged(ctx, r.Roster.Forget(name))
}

// usesChanged tells of policies of whose exceptions others are used than before.
func (r *Reconciler) usesChanged(ctx context.Context, policies []string) {
	if len(policies) > 0 && r.UsesChanged != nil {
		r.UsesChanged(ctx, policies)
	}
}

// result says when to look again: an error is retried with backoff, everything else at the interval. What time alone changes is
// the alarm's.
func (s *scope) result() (ctrl.Result, error) {
	if s.object.Spec.Suspend {
		return ctrl.Result{}, s.recallErr
	}
	after := s.interval()
	for _, err := range s.failures() {
		var stalled *reconcile.Stalled
		var waiting *reconcile.Waiting
		var failed *reconcile.Failed
		switch {
		case errors.As(err, &stalled):
		case errors.As(err, &waiting):
			if waiting.After > 0 {
				after = min(after, waiting.After)
			}
		case errors.As(err, &failed) && failed.RetryAfter > 0:
			after = min(after, failed.RetryAfter)
		default:
			return ctrl.Result{}, err
		}
	}
	if s.retryIn > 0 {
		after = min(after, s.retryIn)
	}
	return ctrl.Result{RequeueAfter: max(after, time.Second)}, nil
}

// environment names the object as evidence and seals do.
func environment(name types.NamespacedName) evidence.Environment {
	return evidence.Environment{Namespace: name.Namespace, Name: name.Name}
}
