// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/scope"
)

// upstreamIndex finds the TrustedImages that take digests from one.
const upstreamIndex = "spec.source.upstreamRef"

// workers is how many objects are reconciled at a time. A reconcile waits for nothing slow.
const workers = 2

// Notifications carries the names of objects to reconcile from the work pool and the feeds to the queue.
type Notifications chan event.TypedGenericEvent[types.NamespacedName]

// Notify asks for a reconcile of the object.
func (n Notifications) Notify(ctx context.Context, name types.NamespacedName) {
	select {
	case n <- event.TypedGenericEvent[types.NamespacedName]{Object: name}:
	case <-ctx.Done():
	}
}

// SetupWithManager registers the reconciler with its watches: the objects themselves, those downstream of a changed one,
// those that a changed policy speaks of, and whatever notifications name.
func (r *Reconciler) SetupWithManager(ctx context.Context, mgr ctrl.Manager, notifications Notifications) error {
	if err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.TrustedImage{}, upstreamIndex, upstreamOf); err != nil {
		return err
	}
	enqueue := handler.TypedFuncs[types.NamespacedName, reconcile.Request]{
		GenericFunc: func(_ context.Context, e event.TypedGenericEvent[types.NamespacedName], queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			queue.Add(reconcile.Request{NamespacedName: e.Object})
		},
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("trustedimage").
		For(&v1alpha1.TrustedImage{}).
		Watches(&v1alpha1.TrustedImage{}, handler.EnqueueRequestsFromMapFunc(r.downstreamOf)).
		Watches(&v1alpha1.ImagePolicy{}, handler.EnqueueRequestsFromMapFunc(r.inNamespaceOf)).
		Watches(&v1alpha1.ClusterImagePolicy{}, handler.EnqueueRequestsFromMapFunc(r.everywhere)).
		WatchesRawSource(source.TypedChannel(notifications, enqueue)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

func upstreamOf(object client.Object) []string {
	image, ok := object.(*v1alpha1.TrustedImage)
	if !ok || image.Spec.Source.UpstreamRef == nil {
		return nil
	}
	upstream := image.Spec.Source.UpstreamRef
	return []string{string(upstream.Namespace) + "/" + string(upstream.Name)}
}

func (r *Reconciler) downstreamOf(ctx context.Context, object client.Object) []reconcile.Request {
	return r.list(ctx, nil, client.MatchingFields{upstreamIndex: object.GetNamespace() + "/" + object.GetName()})
}

func (r *Reconciler) inNamespaceOf(ctx context.Context, object client.Object) []reconcile.Request {
	return r.list(ctx, nil, client.InNamespace(object.GetNamespace()))
}

// everywhere lists the images in the namespaces that the policy names. An update calls it for the old and the new policy, so
// that namespaces it names no more are looked at, too.
func (r *Reconciler) everywhere(ctx context.Context, object client.Object) []reconcile.Request {
	clusterPolicy, ok := object.(*v1alpha1.ClusterImagePolicy)
	if !ok {
		return nil
	}
	return r.list(ctx, func(namespace string) bool {
		return scope.MatchesNamespace(clusterPolicy.Spec.Namespaces, namespace)
	})
}

// All asks for a reconcile of every object, because the intelligence that findings come from changed.
func (r *Reconciler) All(ctx context.Context, notifications Notifications) {
	for _, request := range r.list(ctx, nil) {
		notifications.Notify(ctx, request.NamespacedName)
	}
}

func (r *Reconciler) list(ctx context.Context, keep func(namespace string) bool, options ...client.ListOption) []reconcile.Request {
	var images v1alpha1.TrustedImageList
	if err := r.Client.List(ctx, &images, options...); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "List TrustedImages that a change concerns")
		return nil
	}
	requests := make([]reconcile.Request, 0, len(images.Items))
	for _, image := range images.Items {
		if keep == nil || keep(image.Namespace) {
			requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: image.Namespace, Name: image.Name}})
		}
	}
	return requests
}
