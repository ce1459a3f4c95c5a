// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package workpool_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/workpool"
)

// diary is a pool without workers whose work writes down that it was done.
type diary struct {
	pool *workpool.Pool
	done []string
}

func newDiary() *diary {
	return &diary{pool: workpool.New(2, clock.RealClock{}, func(context.Context, types.NamespacedName) {})}
}

func (d *diary) ask(key workpool.Key) (ok bool) {
	_, ok, _ = workpool.Do(d.pool, key, shop, time.Hour, func(context.Context) (string, error) {
		d.done = append(d.done, key.Subject)
		return key.Subject, nil
	})
	return ok
}

func (d *diary) mustHaveDone(t *testing.T, want ...string) {
	t.Helper()
	d.pool.Drain(t.Context())
	if diff := cmp.Diff(want, d.done); diff != "" {
		t.Errorf("done (-want +got):\n%s", diff)
	}
}

func TestUrgentWorkGoesFirst(t *testing.T) {
	d := newDiary()
	for _, key := range []workpool.Key{{Subject: "old 1"}, {Subject: "old 2", Host: "a"}, {Subject: "new 1", Urgent: true}, {Subject: "new 2", Host: "b", Urgent: true}} {
		d.ask(key)
	}
	d.mustHaveDone(t, "new 1", "new 2", "old 1", "old 2")
}

func TestWorkThatWaitsBecomesUrgentWithOneWhoseWorkIsUrgent(t *testing.T) {
	d := newDiary()
	for _, key := range []workpool.Key{{Subject: "a"}, {Subject: "b"}, {Subject: "c"}, {Subject: "b", Urgent: true}} {
		d.ask(key)
	}
	d.mustHaveDone(t, "b", "a", "c")
}

func TestUrgentWorkDoesNotMakeOtherWorkWaitForEver(t *testing.T) {
	d := newDiary()
	d.ask(workpool.Key{Subject: "old"})
	for i := range 6 {
		d.ask(workpool.Key{Subject: fmt.Sprint("new ", i), Urgent: true})
	}
	d.mustHaveDone(t, "new 0", "new 1", "new 2", "old", "new 3", "new 4", "new 5")
}

func TestAHostThatAsksToWaitIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, _ := start(t, 3)
		began := time.Now()
		at := map[string]time.Duration{}
		ask := func(key workpool.Key, err error) {
			_, _, _ = workpool.Do(pool, key, shop, time.Hour, func(context.Context) (string, error) {
				at[key.Subject] = time.Since(began)
				return "", err
			})
			synctest.Wait()
		}
		limited := registry.NewError(registry.KindUnavailable, nil, "too many requests")
		limited.RetryAfter = 10 * time.Minute
		ask(workpool.Key{Subject: "first", Host: "a.example.com", Account: "x"}, limited)
		ask(workpool.Key{Subject: "same host", Host: "a.example.com", Account: "x"}, nil)
		ask(workpool.Key{Subject: "other account", Host: "a.example.com", Account: "y"}, nil)
		ask(workpool.Key{Subject: "other host", Host: "b.example.com", Account: "x"}, nil)
		_, ok, err := workpool.Do(pool, workpool.Key{Subject: "first", Host: "a.example.com", Account: "x"}, cart, time.Hour,
			func(context.Context) (string, error) { return "", nil })
		var failed *workpool.Failed
		if !ok || !errors.As(err, &failed) || failed.RetryIn != 10*time.Minute {
			t.Errorf("got %v, %v", ok, err)
		}
		time.Sleep(time.Hour) //nolint:forbidigo // In the bubble this takes no time.
		synctest.Wait()
		want := map[string]time.Duration{"first": 0, "same host": 10 * time.Minute, "other account": 0, "other host": 0}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Errorf("begun after (-want +got):\n%s", diff)
		}
	})
}

func TestAHostCannotKeepAssayAwayForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, woken := start(t, 2)
		limited := registry.NewError(registry.KindUnavailable, nil, "too many requests")
		limited.RetryAfter = 1000 * time.Hour
		key := workpool.Key{Subject: "a", Host: "a.example.com"}
		_, _, _ = workpool.Do(pool, key, shop, time.Hour, func(context.Context) (string, error) { return "", limited })
		<-woken
		_, _, err := workpool.Do(pool, key, shop, time.Hour, func(context.Context) (string, error) { return "", nil })
		var failed *workpool.Failed
		if !errors.As(err, &failed) || failed.RetryIn != time.Hour {
			t.Errorf("got %v", err)
		}
		_, _, _ = workpool.Do(pool, workpool.Key{Subject: "b", Host: "a.example.com"}, shop, time.Hour, func(context.Context) (string, error) { return "", nil })
		began := time.Now()
		<-woken
		if waited := time.Since(began); waited != time.Hour {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestAPoorResultIsUsedAndMadeAgainLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, woken := start(t, 1)
		runs := 0
		look := func() (string, error) {
			value, _, err := workpool.Do(pool, workpool.Key{Subject: "image"}, shop, time.Minute, func(context.Context) (string, error) {
				runs++
				return "all but one platform", fmt.Errorf("%w: the indexer was killed", workpool.ErrPoor)
			})
			synctest.Wait()
			for len(woken) > 0 {
				<-woken
			}
			return value, err
		}
		var failed *workpool.Failed
		_, _ = look()
		if value, err := look(); value == "" || !errors.As(err, &failed) || failed.RetryIn != 2*time.Second {
			t.Fatalf("got %q, %v", value, err)
		}
		for range 30 * 24 * 60 {
			time.Sleep(time.Minute) //nolint:forbidigo // In the bubble this takes no time.
			if value, err := look(); err != nil && value == "" {
				t.Fatal("an error came without the result")
			}
		}
		if runs < 30 || runs > 50 {
			t.Errorf("made %d times in 30 days", runs)
		}
	})
}

func TestResultsAreBounded(t *testing.T) {
	d := newDiary()
	const many = 1<<16 + 1
	for i := range many {
		d.ask(workpool.Key{Subject: fmt.Sprint(i)})
		d.pool.Drain(t.Context())
		if !d.ask(workpool.Key{Subject: fmt.Sprint(i)}) {
			t.Fatalf("result %d is not there", i)
		}
	}
	kept := 0
	for i := range many {
		if d.ask(workpool.Key{Subject: fmt.Sprint(i)}) {
			kept++
		}
	}
	if kept > 1<<16 || kept < 1<<15 {
		t.Errorf("%d results are kept", kept)
	}
	if !d.ask(workpool.Key{Subject: fmt.Sprint(many - 1)}) || d.ask(workpool.Key{Subject: "0"}) {
		t.Error("the newest results were dropped and not the oldest")
	}
}
