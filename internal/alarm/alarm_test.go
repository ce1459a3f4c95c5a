// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package alarm_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/assay-dev/assay/internal/alarm"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func name(text string) types.NamespacedName {
	return types.NamespacedName{Namespace: "dev", Name: text}
}

// book writes down for whom a bell rang.
type book struct{ rang []string }

func (b *book) ring(_ context.Context, name types.NamespacedName) { b.rang = append(b.rang, name.Name) }

func (b *book) mustHave(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, b.rang); diff != "" {
		t.Errorf("rang (-want +got):\n%s", diff)
	}
	b.rang = nil
}

func TestABellRingsAtTheMomentAndNotBefore(t *testing.T) {
	clock, images := clocktesting.NewFakeClock(start), &book{}
	a := alarm.New(clock)
	bell := a.Bell(images.ring)
	bell.Set(name("late"), start.Add(2*time.Hour))
	bell.Set(name("early"), start.Add(time.Hour))
	bell.Set(name("later"), start.Add(3*time.Hour))
	bell.Set(name("past"), start.Add(-time.Hour))
	a.Ring(t.Context())
	images.mustHave(t, "past")
	clock.Step(time.Hour - time.Nanosecond)
	if sleep := a.Ring(t.Context()); sleep != time.Nanosecond {
		t.Errorf("it sleeps %v", sleep)
	}
	images.mustHave(t)
	clock.Step(time.Nanosecond)
	a.Ring(t.Context())
	images.mustHave(t, "early")
	clock.Step(2 * time.Hour)
	a.Ring(t.Context())
	images.mustHave(t, "late", "later")
	clock.Step(24 * time.Hour)
	a.Ring(t.Context())
	images.mustHave(t)
}

func TestAMomentReplacesTheOneBefore(t *testing.T) {
	for name, test := range map[string]struct {
		then time.Time
		want []string
	}{
		"a later one":             {start.Add(2 * time.Hour), nil},
		"an earlier one":          {start.Add(time.Minute), []string{"a"}},
		"the same one":            {start.Add(time.Hour), []string{"a"}},
		"none":                    {time.Time{}, nil},
		"the same in other words": {start.Add(time.Hour).In(time.FixedZone("", 3600)), []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			clock, images := clocktesting.NewFakeClock(start), &book{}
			a := alarm.New(clock)
			bell := a.Bell(images.ring)
			object := types.NamespacedName{Namespace: "dev", Name: "a"}
			bell.Set(object, start.Add(time.Hour))
			bell.Set(object, test.then)
			clock.Step(time.Hour)
			a.Ring(t.Context())
			images.mustHave(t, test.want...)
		})
	}
}

func TestSomethingThatIsDueBySomeMomentIsNotPutOff(t *testing.T) {
	clock, policies := clocktesting.NewFakeClock(start), &book{}
	a := alarm.New(clock)
	bell := a.Bell(policies.ring)
	for range 5 {
		bell.By(name("busy"), clock.Now().Add(5*time.Second))
		clock.Step(2 * time.Second)
		a.Ring(t.Context())
	}
	policies.mustHave(t, "busy")
	bell.By(name("busy"), clock.Now().Add(time.Second))
	clock.Step(time.Second)
	a.Ring(t.Context())
	policies.mustHave(t, "busy")
}

func TestObjectsOfTheSameNameHaveMomentsOfTheirOwnPerKind(t *testing.T) {
	clock, images, policies := clocktesting.NewFakeClock(start), &book{}, &book{}
	a := alarm.New(clock)
	image, policy := a.Bell(images.ring), a.Bell(policies.ring)
	image.Set(name("a"), start.Add(time.Hour))
	policy.Set(name("a"), start.Add(2*time.Hour))
	clock.Step(time.Hour)
	a.Ring(t.Context())
	images.mustHave(t, "a")
	policies.mustHave(t)
}

func TestItRingsByItselfAndSleepsNoLongerForAMomentSetLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rang := make(chan time.Time, 1)
		a := alarm.New(clock.RealClock{})
		bell := a.Bell(func(context.Context, types.NamespacedName) { rang <- time.Now() })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.Start(ctx) }()
		synctest.Wait()
		for _, in := range []time.Duration{time.Second, 1000 * time.Hour, 0} {
			at := time.Now().Add(in)
			bell.Set(name("a"), at)
			if got := <-rang; !got.Equal(at) {
				t.Errorf("it rang %v late", got.Sub(at))
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
