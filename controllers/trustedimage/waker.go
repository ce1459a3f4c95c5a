// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"iter"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/roster"
)

// Fleet knows what is in all images.
type Fleet interface {
	// Update matches all images against the database in use now and returns those whose findings changed since the last Update.
	Update(ctx context.Context) ([]image.Digest, error)
	// Carrying returns the images that carry any of the vulnerabilities.
	Carrying(ids map[string]struct{}) []image.Digest
	// Retain forgets the images for which keep returns false.
	Retain(keep func(manifest image.Digest) bool)
}

// Change says for which vulnerabilities a feed answers otherwise than before.
type Change interface {
	// All says that it may be for any; then IDs is empty.
	All() bool
	// Len is the number of IDs.
	Len() int
	IDs() iter.Seq[string]
}

// Waker wakes those objects whose judgement may be another because more or less is known of vulnerabilities, and no others.
type Waker struct {
	// Reader reads from the cache.
	Reader        client.Reader
	Fleet         Fleet
	Roster        *roster.Roster
	Notifications Notifications
}

// manyIDs is when all objects are woken instead of those that carry some of so many vulnerabilities.
const manyIDs = 100_000

// DatabaseChanged matches the fleet against the vulnerability database in use now. It wakes objects in which something else is found
// than before, and those of which something was not known.
func (w *Waker) DatabaseChanged(ctx context.Context) {
	w.retain(ctx)
	changed, err := w.Fleet.Update(ctx)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Match all images against the new database; each is matched when it is looked at")
		w.wakeAll(ctx)
		return
	}
	w.wake(ctx, w.Roster.Using(changed))
	w.wake(ctx, w.Roster.Open())
}

// JavaDatabaseChanged wakes the objects in which a Java database names something. Their jars are named anew when they are looked at.
func (w *Waker) JavaDatabaseChanged(ctx context.Context) {
	w.wake(ctx, w.Roster.WithJars())
}

// FeedChanged wakes the objects that carry a vulnerability of which a feed says something else than before.
func (w *Waker) FeedChanged(ctx context.Context, change Change) {
	if change.All() || change.Len() > manyIDs {
		w.wakeAll(ctx)
		return
	}
	ids := make(map[string]struct{}, change.Len())
	for id := range change.IDs() {
		ids[id] = struct{}{}
	}
	w.SeenEarlier(ctx, ids)
}

// SeenEarlier wakes the objects that carry any of the vulnerabilities, which were first seen earlier than was thought.
func (w *Waker) SeenEarlier(ctx context.Context, ids map[string]struct{}) {
	w.wake(ctx, w.Roster.Using(w.Fleet.Carrying(ids)))
}

// retain has the fleet forget what no object stands on, once it is known on what each of them does.
func (w *Waker) retain(ctx context.Context) {
	if len(list(ctx, w.Reader, nil)) <= w.Roster.Len() {
		w.Fleet.Retain(w.Roster.Used)
	}
}

func (w *Waker) wakeAll(ctx context.Context) {
	for _, request := range list(ctx, w.Reader, nil) {
		w.Notifications.NotifyOneOfMany(ctx, request.NamespacedName)
	}
}

func (w *Waker) wake(ctx context.Context, names []types.NamespacedName) {
	for _, name := range names {
		w.Notifications.NotifyOneOfMany(ctx, name)
	}
}
