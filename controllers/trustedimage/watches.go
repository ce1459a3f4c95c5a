// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/assay-dev/assay/api/v1alpha1"
	policyscope "github.com/assay-dev/assay/internal/policy/scope"
)

// upstreamIndex finds the TrustedImages that take digests from one.
const upstreamIndex = "spec.source.upstreamRef"

// workers is how many objects are reconciled at a time. A reconcile waits for nothing slow.
const workers = 2

// SetupWithManager registers the reconciler with its watches: the objects themselves, those downstream of one whose offer
// changed, those that a changed policy speaks of, and whatever notifications name.
func (r *Reconciler) SetupWithManager(ctx context.Context, mgr ctrl.Manager, notifications Notifications) error {
	if err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.TrustedImage{}, upstreamIndex, upstreamOf); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("trustedimage").
		For(&v1alpha1.TrustedImage{}).
		Watches(&v1alpha1.TrustedImage{}, handler.EnqueueRequestsFromMapFunc(r.downstreamOf), builder.WithPredicates(offerChanged)).
		Watches(&v1alpha1.ImagePolicy{}, fanOut(r.inNamespaceOf), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.ClusterImagePolicy{}, fanOut(r.everywhere), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(source.TypedChannel(notifications, enqueue)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

// offerChanged lets pass what may change what an object offers to those downstream of it.
var offerChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, isImage := e.ObjectOld.(*v1alpha1.TrustedImage)
	after, isImageToo := e.ObjectNew.(*v1alpha1.TrustedImage)
	if !isImage || !isImageToo {
		return true
	}
	return before.Generation != after.Generation ||
		!equality.Semantic.DeepEqual(offered(before), offered(after))
}}

// offered are the entries of a status, without what only explains them.
func offered(object *v1alpha1.TrustedImage) []v1alpha1.TrustedDigest {
	entries := make([]v1alpha1.TrustedDigest, 0, 1+len(object.Status.History))
	for _, entry := range recorded(&object.Status) {
		description{}.describeTrusted(&entry)
		entries = append(entries, entry)
	}
	return entries
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
	return list(ctx, r.Client, nil, client.MatchingFields{upstreamIndex: object.GetNamespace() + "/" + object.GetName()})
}

func (r *Reconciler) inNamespaceOf(ctx context.Context, object client.Object) []reconcile.Request {
	return list(ctx, r.Client, nil, client.InNamespace(object.GetNamespace()))
}

// everywhere lists the images in the namespaces that the policy names. An update calls it for the old and the new policy, so
// that namespaces it names no more are looked at, too.
func (r *Reconciler) everywhere(ctx context.Context, object client.Object) []reconcile.Request {
	clusterPolicy, ok := object.(*v1alpha1.ClusterImagePolicy)
	if !ok {
		return nil
	}
	return list(ctx, r.Client, func(namespace string) bool {
		return policyscope.MatchesNamespace(clusterPolicy.Spec.Namespaces, namespace)
	})
}

// list lists the objects in the namespaces that keep keeps, nil for all.
func list(ctx context.Context, reader client.Reader, keep func(namespace string) bool, options ...client.ListOption) []reconcile.Request {
	var images v1alpha1.TrustedImageList
	if err := reader.List(ctx, &images, append(options, client.UnsafeDisableDeepCopy)...); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "List TrustedImages that a change concerns")
		return nil
	}
	requests := make([]reconcile.Request, 0, len(images.Items))
	for i := range images.Items {
		image := &images.Items[i]
		if keep == nil || keep(image.Namespace) {
			requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: image.Namespace, Name: image.Name}})
		}
	}
	return requests
}
