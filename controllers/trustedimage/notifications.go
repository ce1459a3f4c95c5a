// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// fanOutPriority is that of objects that wait because something changed that concerns many. It is below that of what happens to
// single objects, so that a new image does not wait behind thousands, and above that of the list at the start.
const fanOutPriority = handler.LowPriority / 2

// Notification names an object to reconcile.
type Notification struct {
	types.NamespacedName
	// fanOut says that many are named at once.
	fanOut bool
}

// Notifications carries the names of objects to reconcile from the work pool, the alarm and the feeds to the queue.
type Notifications chan event.TypedGenericEvent[Notification]

// Notify asks for a reconcile of the object.
func (n Notifications) Notify(ctx context.Context, name types.NamespacedName) {
	n.send(ctx, Notification{NamespacedName: name})
}

// NotifyOneOfMany asks for a reconcile of the object after those of objects to which something happened themselves.
func (n Notifications) NotifyOneOfMany(ctx context.Context, name types.NamespacedName) {
	n.send(ctx, Notification{NamespacedName: name, fanOut: true})
}

func (n Notifications) send(ctx context.Context, notification Notification) {
	select {
	case n <- event.TypedGenericEvent[Notification]{Object: notification}:
	case <-ctx.Done():
	}
}

// queue is that of the controller.
type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

var enqueue = handler.TypedFuncs[Notification, reconcile.Request]{
	GenericFunc: func(_ context.Context, e event.TypedGenericEvent[Notification], q queue) {
		request := reconcile.Request{NamespacedName: e.Object.NamespacedName}
		if e.Object.fanOut {
			addLater(q, request)
		} else {
			q.Add(request)
		}
	},
}

func addLater(q queue, requests ...reconcile.Request) {
	if byPriority, is := q.(priorityqueue.PriorityQueue[reconcile.Request]); is {
		priority := fanOutPriority
		byPriority.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, requests...)
		return
	}
	for _, request := range requests {
		q.Add(request)
	}
}

// fanOut enqueues all that an object concerns.
func fanOut(concerned handler.MapFunc) handler.EventHandler {
	add := func(ctx context.Context, object client.Object, q queue) { addLater(q, concerned(ctx, object)...) }
	return handler.Funcs{
		CreateFunc:  func(ctx context.Context, e event.CreateEvent, q queue) { add(ctx, e.Object, q) },
		DeleteFunc:  func(ctx context.Context, e event.DeleteEvent, q queue) { add(ctx, e.Object, q) },
		GenericFunc: func(ctx context.Context, e event.GenericEvent, q queue) { add(ctx, e.Object, q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			add(ctx, e.ObjectOld, q)
			add(ctx, e.ObjectNew, q)
		},
	}
}
