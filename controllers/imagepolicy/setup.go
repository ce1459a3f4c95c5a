// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package imagepolicy

import (
	"context"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/alarm"
)

// settling is how long a policy waits for more news of the use of its exceptions, of which thousands may come at once.
const settling = 5 * time.Second

// names carries names of policies to a queue.
type names chan event.TypedGenericEvent[types.NamespacedName]

func (n names) wake(ctx context.Context, name types.NamespacedName) {
	select {
	case n <- event.TypedGenericEvent[types.NamespacedName]{Object: name}:
	case <-ctx.Done():
	}
}

// Wakers wake policies for what is no event of theirs.
type Wakers struct {
	s                  Surroundings
	reader             client.Reader
	namespaced, global names
	// settled rings for policies of whose exceptions others are used than before.
	settledNamespaced, settledGlobal *alarm.Bell
}

// SetupWithManager registers a reconciler for each kind of policies. Only changes of a spec wake it, not its own writes, and what
// the wakers name.
func SetupWithManager(mgr ctrl.Manager, s Surroundings) (*Wakers, error) {
	w := &Wakers{s: s, reader: mgr.GetClient(), namespaced: make(names), global: make(names)}
	w.settledNamespaced, w.settledGlobal = s.Alarm.Bell(w.namespaced.wake), s.Alarm.Bell(w.global.wake)
	if err := ForImagePolicies(mgr.GetClient(), s, w.namespaced.wake).register(mgr, "imagepolicy", w.namespaced); err != nil {
		return nil, err
	}
	return w, ForClusterImagePolicies(mgr.GetClient(), s, w.global.wake).register(mgr, "clusterimagepolicy", w.global)
}

func (r *Reconciler[P]) register(mgr ctrl.Manager, name string, woken names) error {
	enqueue := handler.TypedFuncs[types.NamespacedName, reconcile.Request]{
		GenericFunc: func(_ context.Context, e event.TypedGenericEvent[types.NamespacedName], queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			queue.Add(reconcile.Request{NamespacedName: e.Object})
		},
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named(name).
		For(r.kind.empty(), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(source.TypedChannel(woken, enqueue)).
		Complete(r)
}

// UsesChanged has the policies, named as in a status, looked at in a moment, because other exceptions of theirs are used than before.
func (w *Wakers) UsesChanged(_ context.Context, policies []string) {
	at := w.s.Clock.Now().Add(settling)
	for _, policy := range policies {
		if namespace, name, namespaced := strings.Cut(policy, "/"); namespaced {
			w.settledNamespaced.By(types.NamespacedName{Namespace: namespace, Name: name}, at)
		} else {
			w.settledGlobal.By(types.NamespacedName{Name: policy}, at)
		}
	}
}

// FeedChanged has all policies looked at, because another edition of a feed is loaded, or none could be.
func (w *Wakers) FeedChanged(ctx context.Context) {
	var namespaced v1alpha1.ImagePolicyList
	var global v1alpha1.ClusterImagePolicyList
	for _, list := range []client.ObjectList{&namespaced, &global} {
		if err := w.reader.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "List policies whose feeds changed")
			return
		}
	}
	for i := range namespaced.Items {
		w.namespaced.wake(ctx, client.ObjectKeyFromObject(&namespaced.Items[i]))
	}
	for i := range global.Items {
		w.global.wake(ctx, client.ObjectKeyFromObject(&global.Items[i]))
	}
}
