// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package chronicle_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/assay-dev/assay/internal/chronicle"
	"github.com/assay-dev/assay/internal/evidence"
)

var (
	noon  = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	later = noon.Add(time.Hour)
)

const openssl = "pkg:deb/debian/openssl"

// world is a chronicle on a disk, and what time it is.
type world struct {
	*chronicle.Chronicle
	t     testing.TB
	dir   string
	clock *clocktesting.FakePassiveClock
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), clock: clocktesting.NewFakePassiveClock(noon)}
	w.open()
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.Chronicle, err = chronicle.Open(w.t.Context(), w.dir, w.clock); err != nil {
		w.t.Fatal(err)
	}
}

// restart closes the chronicle and opens what is on the disk.
func (w *world) restart() {
	w.t.Helper()
	if err := w.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

// date returns the times of one finding.
func (w *world) date(f evidence.Finding) [2]time.Time {
	w.t.Helper()
	findings := []evidence.Finding{f}
	if err := w.Date(w.t.Context(), findings); err != nil {
		w.t.Fatal(err)
	}
	return [2]time.Time{findings[0].FirstSeen, findings[0].FixSeen}
}

func finding(purl, fix string) evidence.Finding {
	return evidence.Finding{ID: "CVE-2026-1", Package: "openssl", PURL: purl, FixedVersion: fix}
}

func TestWhatIsSeenAgainWasFirstSeenBefore(t *testing.T) {
	never := time.Time{}
	for name, test := range map[string]struct {
		first, second evidence.Finding
		want          [2]time.Time
	}{
		"the same finding":                        {finding(openssl+"@1", ""), finding(openssl+"@1", ""), [2]time.Time{noon, never}},
		"another version":                         {finding(openssl+"@1", ""), finding(openssl+"@2", ""), [2]time.Time{noon, never}},
		"another release of the distribution":     {finding(openssl+"@1?distro=debian-11", ""), finding(openssl+"@1?distro=debian-12#x", ""), [2]time.Time{noon, never}},
		"another package":                         {finding(openssl+"@1", ""), finding("pkg:deb/debian/zlib@1", ""), [2]time.Time{later, never}},
		"another distribution":                    {finding(openssl+"@1", ""), finding("pkg:deb/ubuntu/openssl@1", ""), [2]time.Time{later, never}},
		"a name with a version's sign":            {finding("pkg:npm/@angular/core", ""), finding("pkg:npm/@angular/core@1", ""), [2]time.Time{noon, never}},
		"a package without a package URL":         {finding("", ""), finding("", ""), [2]time.Time{noon, never}},
		"a fix from the beginning":                {finding(openssl+"@1", "2"), finding(openssl+"@1", "2"), [2]time.Time{noon, noon}},
		"a fix that came later":                   {finding(openssl+"@1", ""), finding(openssl+"@1", "2"), [2]time.Time{noon, later}},
		"a fix that is not there for this image":  {finding(openssl+"@1", "2"), finding(openssl+"@1", ""), [2]time.Time{noon, never}},
		"a name that is longer than is kept":      {finding("pkg:npm/"+strings.Repeat("a", 5000), ""), finding("pkg:npm/"+strings.Repeat("a", 5000), ""), [2]time.Time{noon, never}},
		"a name that only begins like a long one": {finding("pkg:npm/"+strings.Repeat("a", 5000), ""), finding("pkg:npm/"+strings.Repeat("a", 5001), ""), [2]time.Time{later, never}},
		"a name that no line could hold":          {finding("pkg:npm/a\nb\x00\u2028\xff", ""), finding("pkg:npm/a\nb\x00\u2028\xff", ""), [2]time.Time{noon, never}},
	} {
		for place, restart := range map[string]bool{"in memory": false, "after a restart": true} {
			t.Run(name+", "+place, func(t *testing.T) {
				w := newWorld(t)
				w.date(test.first)
				if restart {
					w.restart()
				}
				w.clock.SetTime(later)
				if diff := cmp.Diff(test.want, w.date(test.second)); diff != "" {
					t.Errorf("first and fix seen (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestMergeTakesTheEarliest(t *testing.T) {
	before, long := noon.Add(-time.Hour), noon.Add(-1000*time.Hour)
	w := newWorld(t)
	w.date(finding(openssl+"@1", "2"))
	merge := func(entries ...chronicle.Entry) map[string]struct{} {
		t.Helper()
		earlier, err := w.Merge(t.Context(), entries)
		if err != nil {
			t.Fatal(err)
		}
		return earlier
	}
	entry := func(first, fix time.Time) chronicle.Entry {
		return chronicle.Entry{ID: "CVE-2026-1", Package: openssl, FirstSeen: first, FixSeen: fix}
	}
	for _, step := range []struct {
		entry   chronicle.Entry
		want    [2]time.Time
		earlier int
	}{
		{entry(later, later), [2]time.Time{noon, noon}, 0},
		{entry(before, time.Time{}), [2]time.Time{before, noon}, 1},
		{entry(noon, before), [2]time.Time{before, before}, 1},
		{entry(time.Time{}, time.Time{}), [2]time.Time{before, before}, 0},
		{entry(long, long), [2]time.Time{long, long}, 1},
	} {
		if earlier := merge(step.entry); len(earlier) != step.earlier {
			t.Errorf("%v: earlier are %v", step.entry, earlier)
		}
		w.restart()
		if diff := cmp.Diff(step.want, w.date(finding(openssl+"@1", "2"))); diff != "" {
			t.Errorf("after %v (-want +got):\n%s", step.entry, diff)
		}
	}
	if earlier := merge(chronicle.Entry{ID: "CVE-2026-2", Package: openssl, FirstSeen: before}); len(earlier) > 0 {
		t.Errorf("what is new is nothing that was seen earlier: %v", earlier)
	}
}

func TestWhatIsHalfWrittenOrDamagedIsLeftOut(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"half a line at the end":      func(log []byte) []byte { return append(log, `deadbeef {"id":"CVE-2026-9"`...) },
		"a damaged line at the end":   func(log []byte) []byte { return append(log, "deadbeef {\"id\":\"CVE-2026-9\"}\n"...) },
		"a damaged line in front":     func(log []byte) []byte { return append([]byte("x\n"), log...) },
		"bytes without end":           func(log []byte) []byte { return append(log, make([]byte, 1<<20)...) },
		"a line that is far too long": func(log []byte) []byte { return append(append(make([]byte, 1<<20), '\n'), log...) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.date(finding(openssl+"@1", ""))
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(w.dir, "chronicle.log")
			log, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, damage(log), 0o600); err != nil {
				t.Fatal(err)
			}
			w.open()
			w.clock.SetTime(later)
			other := finding("pkg:deb/debian/zlib@1", "")
			w.date(other)
			w.restart()
			w.clock.SetTime(later.Add(time.Hour))
			if got := w.date(finding(openssl+"@1", ""))[0]; !got.Equal(noon) {
				t.Errorf("what was written before: %v", got)
			}
			if got := w.date(other)[0]; !got.Equal(later) {
				t.Errorf("what was written after: %v", got)
			}
		})
	}
}

// TestTheLogDoesNotGrowForEver: what is said again and again is said once after a while.
func TestTheLogDoesNotGrowForEver(t *testing.T) {
	w := newWorld(t)
	for i := range 6_000 {
		earlier := noon.Add(-time.Duration(i+1) * time.Second)
		if _, err := w.Merge(t.Context(), []chronicle.Entry{{ID: "CVE-2026-1", Package: openssl, FirstSeen: earlier}}); err != nil {
			t.Fatal(err)
		}
		if i == 5_000 {
			w.restart()
		}
	}
	info, err := os.Stat(filepath.Join(w.dir, "chronicle.log"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 1<<20 {
		t.Errorf("the log of one entry has %d bytes", info.Size())
	}
	w.restart()
	if got, want := w.date(finding(openssl+"@1", ""))[0], noon.Add(-6_000*time.Second); !got.Equal(want) {
		t.Errorf("first seen %v, want %v", got, want)
	}
}

func TestDateByManyAtOnce(t *testing.T) {
	w := newWorld(t)
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for i := range 50 {
				w.date(evidence.Finding{ID: fmt.Sprintf("CVE-2026-%d", (worker+i)%60), PURL: openssl + "@1"})
			}
		})
	}
	wait.Wait()
	w.restart()
	if entries, _ := w.Size(); entries < 50 || entries > 60 {
		t.Errorf("%d entries", entries)
	}
}

func TestDateEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	findings := []evidence.Finding{finding(openssl+"@1", "")}
	if err := w.Date(ctx, findings); err == nil {
		t.Error("it was written after its time")
	}
	w.clock.SetTime(later)
	if got := w.date(findings[0])[0]; !got.Equal(noon) {
		t.Errorf("the time of the first try was forgotten: %v", got)
	}
	w.restart()
	if got := w.date(findings[0])[0]; !got.Equal(noon) {
		t.Errorf("the time of the first try was not written: %v", got)
	}
}

// TestMemory prints what 50,000 entries cost, and holds them to a bound.
func TestMemory(t *testing.T) {
	w := newWorld(t)
	findings := make([]evidence.Finding, 0, 50_000)
	for i := range cap(findings) {
		findings = append(findings, evidence.Finding{
			ID: fmt.Sprintf("CVE-2026-%d", i%20_000), PURL: fmt.Sprintf("pkg:deb/debian/some-package-%d@1.2.3-%d?distro=debian-12", i%7_919, i), FixedVersion: "2",
		})
	}
	before := inUse()
	start := time.Now()
	if err := w.Date(t.Context(), findings); err != nil {
		t.Fatal(err)
	}
	first := time.Since(start)
	start = time.Now()
	if err := w.Date(t.Context(), findings); err != nil {
		t.Fatal(err)
	}
	again := time.Since(start)
	used := inUse() - before
	entries, _ := w.Size()
	info, err := os.Stat(filepath.Join(w.dir, "chronicle.log"))
	if err != nil {
		t.Fatal(err)
	}
	start = time.Now()
	w.restart()
	t.Logf("%d entries: %.1f MiB of memory, %.1f MiB on the disk; dated for the first time in %v, again in %v, read in %v",
		entries, float64(used)/(1<<20), float64(info.Size())/(1<<20), first, again, time.Since(start))
	if entries != len(findings) || used > 20<<20 {
		t.Errorf("%d entries take %d bytes", entries, used)
	}
	runtime.KeepAlive(findings)
}

func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// FuzzOpen: whatever stands in the file, it is opened, and what is seen after that stays.
func FuzzOpen(f *testing.F) {
	f.Add([]byte("x\n\n00000000 \n"))
	f.Add([]byte(`a282ead8 {"id":"CVE-2026-1","package":"pkg:deb/debian/openssl","firstSeen":1}` + "\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "chronicle.log"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		clock := clocktesting.NewFakePassiveClock(noon)
		w := &world{t: t, dir: dir, clock: clock}
		w.open()
		first := w.date(finding(openssl+"@1", "2"))
		clock.SetTime(later)
		w.restart()
		if diff := cmp.Diff(first, w.date(finding(openssl+"@1", "2"))); diff != "" {
			t.Errorf("times after a restart (-before +after):\n%s", diff)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
