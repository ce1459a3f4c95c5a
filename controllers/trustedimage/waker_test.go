// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/vulnerability"
)

// change of a feed, nil for everything.
type change []string

func (c change) All() bool             { return c == nil }
func (c change) Len() int              { return len(c) }
func (c change) IDs() iter.Seq[string] { return slices.Values(c) }

// woken are the names of the objects that the waker wakes in the course of do, each once and sorted.
func (w *world) wokenBy(do func(*Waker)) []string {
	w.t.Helper()
	notifications := make(Notifications, 1024)
	do(&Waker{Reader: w.api, Fleet: w.findings, Roster: w.reconciler.Roster, Notifications: notifications})
	close(notifications)
	woken := []string{}
	for notification := range notifications {
		if !notification.Object.fanOut {
			w.t.Errorf("%s goes before what happens to single objects", notification.Object)
		}
		woken = append(woken, notification.Object.String())
	}
	slices.Sort(woken)
	return slices.Compact(woken)
}

// fleet is a world with images a, b and c in namespace dev, of which each is trusted, and a policy of which the image d
// has no evidence yet, since it does not exist.
func fleet(t *testing.T, policies ...client.Object) (w *world, names []types.NamespacedName, digests []image.Digest) {
	t.Helper()
	objects := policies
	for _, name := range []string{"a", "b", "c"} {
		object := entryImage()
		object.Name, object.Spec.Source.Registry.Tag = name, name
		objects = append(objects, object)
		names = append(names, types.NamespacedName{Namespace: "dev", Name: name})
	}
	w = newWorld(t, objects...)
	for _, name := range names {
		digests = append(digests, w.push(name.Name, name.Name))
	}
	w.settle(names...)
	for _, name := range names {
		if trusted(w.get(name)) == "" {
			t.Fatalf("%s is not trusted: %v", name, conditions(w.get(name)))
		}
	}
	w.wokenBy(func(waker *Waker) { waker.DatabaseChanged(t.Context()) })
	return w, names, digests
}

func mustWake(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
}

func TestANewDatabaseWakesExactlyThoseInWhichSomethingElseIsFound(t *testing.T) {
	w, names, digests := fleet(t, noFixableCriticals())
	before := w.registry.requests
	w.findings.find(digests[1], critical)
	woken := w.wokenBy(func(waker *Waker) { waker.DatabaseChanged(t.Context()) })
	mustWake(t, woken, "dev/b")
	for i, name := range names {
		if failing := w.settle(name).Status.Trusted.NotPassingSince != nil; failing != (i == 1) {
			t.Errorf("%s stopped passing: %v", name, failing)
		}
	}
	if more := w.registry.requests - before; more != 0 {
		t.Errorf("the registry was asked %d times because of a new database", more)
	}
}

func TestADatabaseInWhichNothingIsNewWakesNobodyAndWritesNothing(t *testing.T) {
	w, names, _ := fleet(t, noFixableCriticals())
	before, requests := "", w.registry.requests
	for _, name := range names {
		before += w.get(name).ResourceVersion
	}
	w.clock.Step(time.Minute)
	w.findings.publish(w.clock.Now())
	mustWake(t, w.wokenBy(func(waker *Waker) { waker.DatabaseChanged(t.Context()) }))
	after := ""
	for _, name := range names {
		after += w.settle(name).ResourceVersion
	}
	if before != after || w.registry.requests != requests {
		t.Errorf("statuses were written or the registry was asked, though nothing changed")
	}
}

func TestANewDatabaseWakesThoseOfWhichSomethingWasNotKnown(t *testing.T) {
	w, names, _ := fleet(t, noFixableCriticals())
	w.findings.fail(vulnerability.ErrNoDatabase)
	w.settle(names[0], names[2])
	w.findings.fail(nil)
	mustWake(t, w.wokenBy(func(waker *Waker) { waker.DatabaseChanged(t.Context()) }), "dev/a", "dev/c")
	w.settle(names...)
	mustWake(t, w.wokenBy(func(waker *Waker) { waker.DatabaseChanged(t.Context()) }))
}

func TestAFeedWakesExactlyThoseThatCarryWhatItSaysSomethingNewOf(t *testing.T) {
	w, names, digests := fleet(t, noFixableCriticals())
	w.findings.find(digests[0], evidence.Finding{ID: "CVE-2026-1"})
	w.findings.find(digests[1], evidence.Finding{ID: "CVE-2026-2"}, evidence.Finding{ID: "CVE-2026-1"})
	w.settle(names...)
	many := make(change, manyIDs+1)
	for i := range many {
		many[i] = fmt.Sprintf("CVE-2020-%d", i)
	}
	for about, test := range map[string]struct {
		change change
		want   []string
	}{
		"one image carries it":                         {change{"CVE-2026-2"}, []string{"dev/b"}},
		"two images carry it":                          {change{"CVE-2026-1", "CVE-2026-3"}, []string{"dev/a", "dev/b"}},
		"nobody carries it":                            {change{"CVE-2026-3"}, nil},
		"everything may be new":                        {nil, []string{"dev/a", "dev/b", "dev/c"}},
		"more is new than can be looked up in a while": {many, []string{"dev/a", "dev/b", "dev/c"}},
	} {
		t.Run(about, func(t *testing.T) {
			mustWake(t, w.wokenBy(func(waker *Waker) { waker.FeedChanged(t.Context(), test.change) }), test.want...)
		})
	}
}

func TestWhatOnlyAnotherEditionOfFeedsWouldChangeIsNotWritten(t *testing.T) {
	exploited := noFixableCriticals()
	exploited.Spec.Vulnerabilities.Block = append(exploited.Spec.Vulnerabilities.Block, v1alpha1.BlockRule{Name: "kev", Exploited: v1alpha1.ExploitedKnown})
	objects := []client.Object{entryImage(), exploited}
	w := newWorld(t, objects...)
	w.catalogue.version, w.scores.version = "2026.10.31", "2026-10-31"
	digest := w.push("1.8", "good")
	w.findings.find(digest, evidence.Finding{ID: "CVE-2026-1", Package: "zlib", Severity: evidence.SeverityLow})
	before := w.settle(dev)
	want := &v1alpha1.ScanReference{Database: "database 1", DatabaseUpdatedAt: timestamp(morning), KEV: "2026.10.31", EPSS: "2026-10-31"}
	if diff := cmp.Diff(want, before.Status.Trusted.Scan); diff != "" {
		t.Errorf("scan (-want +got):\n%s", diff)
	}
	w.catalogue.version, w.scores.version = "2026.11.01", "2026-11-01"
	w.findings.publish(morning.Add(time.Hour))
	if after := w.settle(dev); after.ResourceVersion != before.ResourceVersion {
		t.Errorf("the status was written because of editions alone: %+v", after.Status.Trusted.Scan)
	}
	w.catalogue.ids = []string{"CVE-2026-1"}
	after := w.settle(dev)
	if after.Status.Trusted.NotPassingSince == nil || *after.Status.Summary.Exploited != 1 {
		t.Errorf("an exploited vulnerability does not block: %+v", after.Status.Summary)
	}
	if scan := after.Status.Trusted.Scan; scan.KEV != "2026.11.01" || scan.EPSS != "2026-11-01" || scan.Database != "database 2" {
		t.Errorf("the scan that led to the verdict is %+v", scan)
	}
}

func timestamp(at time.Time) *v1alpha1.Timestamp {
	made := v1alpha1.NewTimestamp(at)
	return &made
}

func TestTheFleetKeepsOnlyWhatObjectsStandOn(t *testing.T) {
	w, names, digests := fleet(t, noFixableCriticals())
	object := w.get(names[0])
	if err := w.api.Delete(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	_, _ = w.reconciler.Reconcile(t.Context(), requestFor(names[0]))
	w.wokenBy(func(waker *Waker) { waker.DatabaseChanged(t.Context()) })
	if w.findings.added[digests[0]] || !w.findings.added[digests[1]] {
		t.Errorf("the fleet keeps %v", w.findings.added)
	}
}

func TestWhatTheFleetForgotIsTakenBackFromTheStore(t *testing.T) {
	w, names, _ := fleet(t, noFixableCriticals())
	requests := w.registry.requests
	w.findings.Retain(func(image.Digest) bool { return false })
	if object := w.settle(names[0]); object.Status.Trusted == nil || *object.Status.Summary.Critical != 0 || w.registry.requests != requests {
		t.Errorf("summary %+v, the registry was asked %d times", object.Status.Summary, w.registry.requests-requests)
	}
}
