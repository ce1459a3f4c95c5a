// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package workpool_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/assay-dev/assay/internal/workpool"
)

var (
	shop = types.NamespacedName{Namespace: "dev", Name: "shop"}
	cart = types.NamespacedName{Namespace: "dev", Name: "cart"}
)

// start runs a pool inside a bubble, whose clock stands still while anything can run.
func start(t *testing.T, workers int) (*workpool.Pool, chan types.NamespacedName) {
	t.Helper()
	woken := make(chan types.NamespacedName, 16)
	pool := workpool.New(workers, clock.RealClock{}, func(_ context.Context, name types.NamespacedName) { woken <- name })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- pool.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return pool, woken
}

func TestWorkIsDoneOncePerKeyAndEveryWaiterIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, woken := start(t, 2)
		var runs atomic.Int32
		release := make(chan struct{})
		work := func(context.Context) (string, error) {
			runs.Add(1)
			<-release
			return "inventory", nil
		}
		for _, waiter := range []types.NamespacedName{shop, cart, shop} {
			if _, ok, _ := workpool.Do(pool, workpool.Key{Subject: "sha256:1"}, waiter, time.Hour, work); ok {
				t.Fatal("a result was there before the work was done")
			}
		}
		close(release)
		synctest.Wait()
		if len(woken) != 2 || runs.Load() != 1 {
			t.Errorf("%d waiters were woken and the work was done %d times, want 2 and once", len(woken), runs.Load())
		}
		if value, ok, err := workpool.Do(pool, workpool.Key{Subject: "sha256:1"}, cart, time.Hour, work); !ok || err != nil || value != "inventory" {
			t.Errorf("got %q, %v, %v", value, ok, err)
		}
	})
}

func TestAResultIsUsedUntilItIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, _ := start(t, 1)
		runs := 0
		look := func() (int, bool) {
			value, ok, _ := workpool.Do(pool, workpool.Key{Subject: "tag"}, shop, time.Minute, func(context.Context) (int, error) { runs++; return runs, nil })
			synctest.Wait()
			return value, ok
		}
		look()
		if value, ok := look(); !ok || value != 1 {
			t.Errorf("got %d, %v, want the first result", value, ok)
		}
		time.Sleep(time.Minute) //nolint:forbidigo // In the bubble this takes no time.
		if _, ok := look(); ok {
			t.Error("a result that is too old was used")
		}
		if value, ok := look(); !ok || value != 2 {
			t.Errorf("got %d, %v, want the second result", value, ok)
		}
	})
}

func TestFailedWorkIsLeftAloneForLongerAndLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, _ := start(t, 1)
		outage := errors.New("outage")
		runs := 0
		look := func() (bool, error) {
			_, ok, err := workpool.Do(pool, workpool.Key{Subject: "tag"}, shop, time.Hour, func(context.Context) (int, error) {
				runs++
				if runs == 12 {
					return 1, nil
				}
				return 0, outage
			})
			synctest.Wait()
			return ok, err
		}
		var waited time.Duration
		for runs < 12 {
			_, _ = look()
			ok, err := look()
			if runs == 12 {
				if !ok || err != nil {
					t.Errorf("after the outage: %v, %v", ok, err)
				}
				return
			}
			var failed *workpool.Failed
			if !ok || !errors.As(err, &failed) || !errors.Is(err, outage) || failed.RetryIn < waited || failed.RetryIn > 5*time.Minute {
				t.Fatalf("got %v, %v after a wait of %v", ok, err, waited)
			}
			before := runs
			waited = failed.RetryIn
			time.Sleep(waited - time.Second) //nolint:forbidigo // In the bubble this takes no time.
			if _, _ = look(); runs != before {
				t.Error("failed work was done again too soon")
			}
			time.Sleep(time.Second) //nolint:forbidigo // In the bubble this takes no time.
		}
	})
}

func TestAWaiterGetsTheResultThatItWasToldOfHoweverLateItComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, woken := start(t, 1)
		runs := 0
		look := func() (int, bool) {
			value, ok, _ := workpool.Do(pool, workpool.Key{Subject: "tag"}, shop, time.Second, func(context.Context) (int, error) { runs++; return runs, nil })
			synctest.Wait()
			return value, ok
		}
		look()
		<-woken
		time.Sleep(time.Minute) //nolint:forbidigo // In the bubble this takes no time.
		if value, ok := look(); !ok || value != 1 {
			t.Errorf("got %d, %v: work whose result is never taken is done without end", value, ok)
		}
		if _, ok := look(); ok {
			t.Error("an old result was given twice")
		}
	})
}

func TestWorkThatTakesLongerThanItsResultIsKeptRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, _ := start(t, 1)
		runs := 0
		slow := func(context.Context) (int, error) {
			runs++
			time.Sleep(time.Minute) //nolint:forbidigo // In the bubble this takes no time.
			return runs, nil
		}
		_, _, _ = workpool.Do(pool, workpool.Key{Subject: "tag"}, shop, time.Second, slow)
		time.Sleep(2 * time.Minute) //nolint:forbidigo // In the bubble this takes no time.
		for range 2 {
			if value, ok, _ := workpool.Do(pool, workpool.Key{Subject: "tag"}, shop, time.Second, slow); !ok || value != 1 {
				t.Errorf("got %d, %v", value, ok)
			}
		}
	})
}

func TestAPanicFailsItsOwnWorkOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, _ := start(t, 1)
		hostile := func(context.Context) (int, error) { panic("index out of range") }
		_, _, _ = workpool.Do(pool, workpool.Key{Subject: "hostile"}, shop, time.Hour, hostile)
		_, _, _ = workpool.Do(pool, workpool.Key{Subject: "healthy"}, cart, time.Hour, func(context.Context) (int, error) { return 1, nil })
		synctest.Wait()
		if _, ok, err := workpool.Do(pool, workpool.Key{Subject: "hostile"}, shop, time.Hour, hostile); !ok || err == nil {
			t.Errorf("got %v, %v, want an error", ok, err)
		}
		if value, ok, err := workpool.Do(pool, workpool.Key{Subject: "healthy"}, cart, time.Hour, func(context.Context) (int, error) { return 0, nil }); !ok || err != nil || value != 1 {
			t.Errorf("got %d, %v, %v", value, ok, err)
		}
	})
}

func TestOnlyTheNewestVersionOfWorkCounts(t *testing.T) {
	pool := workpool.New(1, clock.RealClock{}, func(context.Context, types.NamespacedName) {})
	var done []string
	look := func(version string) (string, bool) {
		value, ok, _ := workpool.Do(pool, workpool.Key{Subject: "tag", Version: version}, shop, time.Hour, func(context.Context) (string, error) {
			done = append(done, version)
			return version, nil
		})
		return value, ok
	}
	for _, version := range []string{"1", "2", "3"} {
		look(version)
	}
	pool.Drain(t.Context())
	if value, ok := look("3"); !ok || value != "3" || len(done) != 1 {
		t.Errorf("got %q, %v, and did %v: versions that nobody wants any more were made", value, ok, done)
	}
	if _, ok := look("4"); ok {
		t.Error("an older version was taken for the newest")
	}
	pool.Drain(t.Context())
	if _, ok := look("3"); ok {
		t.Error("an older version was kept")
	}
}

func TestASlowRegistryOrTenantHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, woken := start(t, 2)
		release := make(chan struct{})
		defer close(release)
		hang := func(context.Context) (int, error) { <-release; return 0, nil }
		for _, subject := range []string{"a", "b", "c"} {
			_, _, _ = workpool.Do(pool, workpool.Key{Subject: subject, Host: "slow.example.com"}, shop, time.Hour, hang)
		}
		other := types.NamespacedName{Namespace: "prod", Name: "shop"}
		_, _, _ = workpool.Do(pool, workpool.Key{Subject: "d", Host: "fast.example.com"}, other, time.Hour, func(context.Context) (int, error) { return 1, nil })
		synctest.Wait()
		if len(woken) != 1 || <-woken != other {
			t.Error("the work of another namespace with another registry was not done")
		}
	})
}

func TestWorkThatSharesANamespaceOrAHostLeavesAWorkerFree(t *testing.T) {
	for name, test := range map[string]struct {
		host   string
		waiter types.NamespacedName
	}{
		"the same namespace and another host": {"fast.example.com", cart},
		"the same host and another namespace": {"slow.example.com", types.NamespacedName{Namespace: "prod", Name: "shop"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pool, woken := start(t, 2)
				release := make(chan struct{})
				hang := func(context.Context) (int, error) { <-release; return 0, nil }
				_, _, _ = workpool.Do(pool, workpool.Key{Subject: "a", Host: "slow.example.com"}, shop, time.Hour, hang)
				synctest.Wait()
				_, _, _ = workpool.Do(pool, workpool.Key{Subject: "b", Host: test.host}, test.waiter, time.Hour, func(context.Context) (int, error) { return 1, nil })
				synctest.Wait()
				if len(woken) != 0 {
					t.Error("the last worker was taken")
				}
				close(release)
				synctest.Wait()
				if len(woken) != 2 {
					t.Errorf("%d of 2 pieces of work were done in the end", len(woken))
				}
			})
		})
	}
}
