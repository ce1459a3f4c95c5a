// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/assay-dev/assay/internal/alarm"
	"github.com/assay-dev/assay/internal/vulnerability"
)

// day is how often the date changes, in UTC, in which vendors say until when they support a release.
const day = 24 * time.Hour

// FollowDate has the fleet asked again whenever a day begins, so that the end of a distribution's support counts at its moment and not
// with the next database.
func (w *Waker) FollowDate(moments *alarm.Alarm, clock clock.PassiveClock) {
	var bell *alarm.Bell
	tomorrow := func() { bell.Set(types.NamespacedName{}, clock.Now().Truncate(day).Add(day)) }
	bell = moments.Bell(func(ctx context.Context, _ types.NamespacedName) {
		w.dayBegan(ctx)
		tomorrow()
	})
	tomorrow()
}

// dayBegan wakes the objects of which something else is known only because of the date. Without a database nothing is.
func (w *Waker) dayBegan(ctx context.Context) {
	changed, err := w.Fleet.Update(ctx)
	if err != nil && !errors.Is(err, vulnerability.ErrNoDatabase) {
		ctrl.LoggerFrom(ctx).Error(err, "Ask which distributions are supported today; it is asked again tomorrow, and with the next database")
	}
	w.wake(ctx, w.Roster.Using(changed))
}
