// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intelligence

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/utils/clock"
	testingclock "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/vulnerability/epss"
	"github.com/assay-dev/assay/internal/vulnerability/feed"
	"github.com/assay-dev/assay/internal/vulnerability/kev"
	"github.com/assay-dev/assay/test/advisories"
)

var (
	_ Feed = (*kev.Catalogue)(nil)
	_ Feed = (*epss.Scores)(nil)
)

var published = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)

// content is a Feed that holds what a test gives it.
type content struct {
	kept, next string // versions
	err        error
	version    string
	message    string

	loads     int
	refreshes atomic.Int32
}

func (c *content) Load(context.Context) error {
	c.loads++
	c.version = c.kept
	return c.remember(c.err)
}

func (c *content) Refresh(context.Context) (feed.Change, error) {
	c.refreshes.Add(1)
	if c.err != nil || c.version == c.next {
		return feed.Change{}, c.remember(c.err)
	}
	c.version = c.next
	return feed.Everything(), c.remember(nil)
}

func (c *content) remember(err error) error {
	c.message = ""
	if err != nil {
		c.message = err.Error()
	}
	return err
}

func (c *content) Status() feed.Status {
	status := feed.Status{Version: c.version, Message: c.message}
	if c.version != "" {
		status.UpdatedAt, status.Entries = published, 2
	}
	return status
}

// ignore is an OnChange for tests that look at something else.
func ignore(context.Context, string, feed.Change) {}

// countTo counts the times that answers changed.
func countTo(changes *atomic.Int32) OnChange {
	return func(_ context.Context, _ string, change feed.Change) {
		if change.Any() {
			changes.Add(1)
		}
	}
}

func TestRefresh(t *testing.T) {
	const every = 6 * time.Hour
	busy := registry.NewError(registry.KindUnavailable, nil, "the registry is busy")
	busy.RetryAfter = time.Hour
	patient := registry.NewError(registry.KindUnavailable, nil, "the registry is busy")
	patient.RetryAfter = 24 * time.Hour
	type look struct {
		next string
		err  error
	}
	tests := map[string]struct {
		every   time.Duration
		looks   []look
		waits   []time.Duration
		changes int
	}{
		"new content is announced once": {every, []look{{next: "1"}, {next: "1"}, {next: "1"}}, []time.Duration{every, every, every}, 1},
		"each change is announced":      {every, []look{{next: "1"}, {next: "2"}}, []time.Duration{every, every}, 2},
		"failures are retried ever later, and announced never": {every,
			[]look{{err: errors.New("a")}, {err: errors.New("b")}, {err: errors.New("a")}, {err: errors.New("a")}},
			[]time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute}, 0},
		"a success ends the backing off": {every,
			[]look{{next: "1"}, {err: errors.New("a")}, {err: errors.New("a")}, {next: "1"}, {err: errors.New("a")}},
			[]time.Duration{every, 30 * time.Second, time.Minute, every, 30 * time.Second}, 1},
		"no failure waits longer than a success": {time.Minute,
			[]look{{err: errors.New("a")}, {err: errors.New("a")}, {err: errors.New("a")}, {err: patient}},
			[]time.Duration{30 * time.Second, time.Minute, time.Minute, time.Minute}, 0},
		"a file is looked at as often after a failure": {FileInterval, []look{{err: errors.New("a")}, {err: errors.New("a")}, {next: "1"}},
			[]time.Duration{FileInterval, FileInterval, FileInterval}, 1},
		"a registry's wish to wait is heeded": {every, []look{{err: busy}, {err: busy}}, []time.Duration{time.Hour, time.Hour}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			source := &content{}
			var changes atomic.Int32
			r := New(clock.RealClock{}, countTo(&changes), Schedule{Name: "test", Feed: source, Every: test.every})
			var waits []time.Duration
			for _, look := range test.looks {
				source.next, source.err = look.next, look.err
				waits = append(waits, r.refresh(t.Context(), r.feeds[0]))
			}
			if diff := cmp.Diff(test.waits, waits); diff != "" {
				t.Errorf("waits:\n%s", diff)
			}
			if int(changes.Load()) != test.changes {
				t.Errorf("%d changes, want %d", changes.Load(), test.changes)
			}
		})
	}
}

// refusing is a transport to a server that asks to come back later.
type refusing struct{ after time.Duration }

func (r refusing) RoundTrip(*http.Request) (*http.Response, error) {
	err := registry.NewError(registry.KindUnavailable, nil, "the server answers with status 429")
	err.RetryAfter = r.after
	return nil, err
}

// TestTheWishOfAFeedsServerIsHeeded holds that the wait is not lost on the way from a URL through a catalogue.
func TestTheWishOfAFeedsServerIsHeeded(t *testing.T) {
	for name, test := range map[string]struct{ asked, want time.Duration }{
		"a wait":                           {20 * time.Minute, 20 * time.Minute},
		"one shorter than the first retry": {time.Second, firstRetry},
		"one longer than the interval":     {24 * time.Hour, URLInterval},
	} {
		t.Run(name, func(t *testing.T) {
			source, err := feed.FromURL("https://feeds.example.com/kev.json", refusing{test.asked})
			if err != nil {
				t.Fatal(err)
			}
			catalogue := kev.New(t.TempDir(), source, clock.RealClock{})
			r := New(clock.RealClock{}, ignore, Schedule{Name: "kev", Feed: catalogue, Every: URLInterval})
			if wait := r.refresh(t.Context(), r.feeds[0]); wait != test.want {
				t.Errorf("waits %v, want %v", wait, test.want)
			}
			want := "catalogue of known exploited vulnerabilities: could not be fetched from feeds.example.com: the server answers with status 429"
			if got := catalogue.Status().Message; got != want {
				t.Errorf("says %q, want %q", got, want)
			}
		})
	}
}

func TestBackingOffDoesNotOverflow(t *testing.T) {
	s := &scheduled{Schedule: Schedule{Every: 6 * time.Hour}, failures: 1_000_000}
	if wait := s.retryAfter(errors.New("a")); wait != 6*time.Hour {
		t.Errorf("waits %v", wait)
	}
}

func TestStartRefreshesEachFeedAtItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, fast := &content{next: "1"}, &content{next: "1"}
		var changes atomic.Int32
		r := New(clock.RealClock{}, countTo(&changes),
			Schedule{Name: "slow", Feed: slow, Every: time.Hour}, Schedule{Name: "fast", Feed: fast, Every: time.Minute})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Start(ctx) }()

		synctest.Wait()
		if slow.refreshes.Load() != 1 || fast.refreshes.Load() != 1 || changes.Load() != 2 {
			t.Errorf("at once %d and %d refreshes, %d changes", slow.refreshes.Load(), fast.refreshes.Load(), changes.Load())
		}
		<-time.After(time.Hour + time.Second) // of the test's own time
		synctest.Wait()
		if slow.refreshes.Load() != 2 || fast.refreshes.Load() != 61 || changes.Load() != 2 {
			t.Errorf("after an hour %d and %d refreshes, %d changes", slow.refreshes.Load(), fast.refreshes.Load(), changes.Load())
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestStartLoadsFirst(t *testing.T) {
	tests := map[string]struct {
		kept    string
		early   bool // Load is called before Start
		changes int
	}{
		"what was kept is announced":                   {"1", false, 1},
		"nothing is not announced":                     {"", false, 0},
		"what was loaded before the start is not news": {"1", true, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			source := &content{kept: test.kept, next: test.kept}
			var changes atomic.Int32
			r := New(clock.RealClock{}, countTo(&changes), Schedule{Name: "test", Feed: source, Every: time.Hour})
			if test.early {
				r.Load(t.Context())
			}
			ctx, stop := context.WithCancel(t.Context())
			stop() // no refresh
			if err := r.Start(ctx); err != nil {
				t.Fatal(err)
			}
			if source.loads != 1 || int(changes.Load()) != test.changes {
				t.Errorf("%d loads and %d changes, want 1 and %d", source.loads, changes.Load(), test.changes)
			}
		})
	}
}

func TestAFileIsNoticedWithinSeconds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kev.json")
	write := func(id string) {
		catalogue, err := advisories.KEVOf(id)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, catalogue, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		catalogue := kev.New(folder, feed.FromPath(path), testingclock.NewFakePassiveClock(published.AddDate(1, 0, 0)))
		var changes atomic.Int32
		r := New(clock.RealClock{}, countTo(&changes), Schedule{Name: "kev", Feed: catalogue, Every: FileInterval})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Start(ctx) }()
		synctest.Wait()

		for _, id := range []string{"CVE-2021-44228", "CVE-2026-80370"} { // of different lengths: times may be equal in this test
			write(id)
			<-time.After(5 * time.Second) // of the test's own time
			synctest.Wait()
			if !catalogue.Exploited(id) {
				t.Errorf("%s is not noticed", id)
			}
		}
		if changes.Load() != 2 {
			t.Errorf("%d changes", changes.Load())
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// What policies show of a feed is told when it changes, also when no answer does.
func TestAStatusThatChangesIsTold(t *testing.T) {
	type told struct {
		Name string
		All  bool
		feed.Status
	}
	source := &content{kept: "1", next: "1"}
	var got []told
	r := New(clock.RealClock{}, func(_ context.Context, name string, change feed.Change) {
		got = append(got, told{name, change.All(), source.Status()})
	}, Schedule{Name: "test", Feed: source, Every: time.Hour})
	r.Load(t.Context())
	broken := errors.New("broken")
	for _, look := range []struct {
		next string
		err  error
	}{{"1", nil}, {"1", broken}, {"1", broken}, {"1", nil}, {"2", nil}} {
		source.next, source.err = look.next, look.err
		r.refresh(t.Context(), r.feeds[0])
	}
	one := feed.Status{Version: "1", UpdatedAt: published, Entries: 2}
	failed, two := one, one
	failed.Message, two.Version = "broken", "2"
	want := []told{{"test", false, failed}, {"test", false, one}, {"test", true, two}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestWhatIsLoggedOfAFailureIsTrue(t *testing.T) {
	for name, test := range map[string]struct{ kept, says, not string }{
		"nothing was loaded before":   {"", "nothing was loaded before", "stays in use"},
		"something was loaded before": {"1", "stays in use", "nothing was loaded"},
	} {
		t.Run(name, func(t *testing.T) {
			var logged strings.Builder
			log := funcr.New(func(prefix, args string) { logged.WriteString(prefix + " " + args) }, funcr.Options{})
			source := &content{kept: test.kept}
			r := New(clock.RealClock{}, ignore, Schedule{Name: "test", Feed: source, Every: time.Hour})
			r.Load(t.Context())
			source.err = errors.New("broken")
			r.refresh(ctrl.LoggerInto(t.Context(), log), r.feeds[0])
			if got := logged.String(); !strings.Contains(got, test.says) || strings.Contains(got, test.not) {
				t.Errorf("logged %s", got)
			}
		})
	}
}

func TestWhatFailedToLoadIsTold(t *testing.T) {
	source, times := &content{err: errors.New("broken")}, 0
	r := New(clock.RealClock{}, func(_ context.Context, _ string, change feed.Change) {
		if times++; change.Any() {
			t.Errorf("the change is %+v", change)
		}
	}, Schedule{Name: "test", Feed: source, Every: time.Hour})
	ctx, stop := context.WithCancel(t.Context())
	stop() // no refresh
	if err := r.Start(ctx); err != nil || times != 1 {
		t.Errorf("told %d times, error %v", times, err)
	}
}

// database is a Database that holds what a test gives it.
type database struct {
	version string
	changed bool
	err     error
}

func (d *database) Load(context.Context) error            { return d.err }
func (d *database) Refresh(context.Context) (bool, error) { return d.changed, d.err }
func (d *database) Version() string                       { return d.version }
func (d *database) UpdatedAt() time.Time                  { return published }

func TestOfADatabaseEverythingChanges(t *testing.T) {
	source := &database{version: "1"}
	whole := Whole(source)
	for name, step := range map[string]*database{
		"nothing new": {version: "1"}, "another": {version: "2", changed: true}, "a failure": {version: "2", err: errors.New("broken\x1b")},
	} {
		*source = *step
		change, err := whole.Refresh(t.Context())
		if !errors.Is(err, step.err) || change.All() != step.changed || change.Any() != step.changed {
			t.Errorf("%s: change is %+v, error %v", name, change, err)
		}
		want := feed.Status{Version: step.version, UpdatedAt: published}
		if step.err != nil {
			want.Message = `broken\x1b`
		}
		if got := whole.Status(); got != want {
			t.Errorf("%s: status is %+v", name, got)
		}
	}
	source.err = nil
	if err := whole.Load(t.Context()); err != nil || whole.Status().Message != "" {
		t.Errorf("status is %+v, error %v", whole.Status(), err)
	}
}

func TestMetrics(t *testing.T) {
	sound, failing := &content{next: "1"}, &content{err: errors.New("a")}
	r := New(clock.RealClock{}, ignore,
		Schedule{Name: "sound", Feed: sound, Every: time.Hour}, Schedule{Name: "failing", Feed: failing, Every: time.Hour})
	for _, s := range r.feeds {
		r.refresh(t.Context(), s)
		r.refresh(t.Context(), s)
	}
	want := `
# HELP assay_intelligence_entries Entries of the content in use of a feed that counts them.
# TYPE assay_intelligence_entries gauge
assay_intelligence_entries{feed="sound"} 2
# HELP assay_intelligence_info Always 1, with the version of the content in use of a feed.
# TYPE assay_intelligence_info gauge
assay_intelligence_info{feed="sound",version="1"} 1
# HELP assay_intelligence_refresh_failures_total Refreshes of a feed that failed; the content from before stayed in use.
# TYPE assay_intelligence_refresh_failures_total counter
assay_intelligence_refresh_failures_total{feed="failing"} 2
assay_intelligence_refresh_failures_total{feed="sound"} 0
# HELP assay_intelligence_updated_timestamp_seconds When the content in use of a feed was published.
# TYPE assay_intelligence_updated_timestamp_seconds gauge
assay_intelligence_updated_timestamp_seconds{feed="sound"} 1.7673120e+09
`
	if err := testutil.CollectAndCompare(r, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(r); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}
