// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	fanal "github.com/aquasecurity/trivy/pkg/fanal/types"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/vulnerability"
	"github.com/assay-dev/assay/internal/vulnerability/trivydb"
	"github.com/assay-dev/assay/test/worlds"
)

// TestWhatAnUpdateAsks shows that only what changed is looked at again, and that only whom it concerns is named.
func TestWhatAnUpdateAsks(t *testing.T) {
	module := fanal.ArtifactDetail{Applications: fanal.Applications{{Type: fanal.GoBinary, FilePath: "bin/app", Packages: fanal.Packages{{Name: "example.com/m", Version: "v1.0.0"}}}}}
	images := []fanal.ArtifactDetail{debian("openssl"), debian("openssl", "zlib"), debian("linux"), module}
	tests := map[string]struct {
		change   func(worlds.Advisories)
		changed  []int
		detected int64 // tuples matched anew
		amended  bool  // with an excerpt
		rated    int64
	}{
		"nothing": {change: func(worlds.Advisories) {}},
		"an advisory on something that nobody has": {change: func(a worlds.Advisories) { a["debian 12"]["bash"] = many() }},
		"the details of something that nobody has": {change: func(a worlds.Advisories) { a[worlds.Described][""]["CVE-2020-9999"] = `{"Severity":"LOW"}` }},
		"a new advisory": {change: func(a worlds.Advisories) { a["debian 12"]["zlib"]["CVE-2020-1003"] = fixed("1.1") },
			changed: []int{1}, detected: 1, rated: 1},
		"a new advisory on earlier versions": {change: func(a worlds.Advisories) { a["debian 12"]["zlib"]["CVE-2020-1003"] = fixed("0.1") }, detected: 1},
		"another fix":                        {change: func(a worlds.Advisories) { a["debian 12"]["openssl"]["CVE-2020-1001"] = fixed("1.2") }, changed: []int{0, 1}, detected: 1},
		"an advisory that is taken back": {change: func(a worlds.Advisories) { delete(a["debian 12"]["openssl"], "CVE-2020-1001") },
			changed: []int{0, 1}},
		"one advisory of many": {change: func(a worlds.Advisories) { a["debian 12"]["linux"]["CVE-2020-0003"] = fixed("2.0") },
			changed: []int{2}, amended: true, rated: 1},
		"one new advisory of many": {change: func(a worlds.Advisories) { a["debian 12"]["linux"]["CVE-2020-0000"] = fixed("2.0") },
			changed: []int{2}, amended: true, rated: 1},
		"one of many that is taken back": {change: func(a worlds.Advisories) { delete(a["debian 12"]["linux"], "CVE-2020-0009") },
			changed: []int{2}, amended: true, rated: 1}, // its details are gone as well
		"most advisories of many": {change: func(a worlds.Advisories) {
			for id := range many() {
				a["debian 12"]["linux"][id] = fixed("3.0")
			}
		}, changed: []int{2}, detected: 1, rated: 1},
		"the details of a vulnerability": {change: func(a worlds.Advisories) { a[worlds.Described][""]["CVE-2020-1002"] = `{"VendorSeverity":{"nvd":3}}` },
			changed: []int{1}, rated: 1},
		"details that change no rating": {change: func(a worlds.Advisories) {
			a[worlds.Described][""]["CVE-2020-1002"] = `{"VendorSeverity":{"nvd":2},"Title":"New"}`
		},
			rated: 1},
		"the source of a distribution's advisories, and so whose severity counts": {change: func(a worlds.Advisories) {
			a["data-source"][""]["debian 12"] = `{"ID":"ubuntu","Name":"Ubuntu"}`
		}, changed: []int{1}, detected: 3, rated: 10},
		"another bucket of an ecosystem": {change: func(a worlds.Advisories) {
			a["go::Another"] = map[string]map[string]string{"other.example.com": {}}
		}, detected: 1},
		"a distribution that is no longer covered": {change: func(a worlds.Advisories) {
			a["debian 11"] = a["debian 12"]
			delete(a, "debian 12")
		}, changed: []int{0, 1, 2}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			content := base()
			database := publish(t, content)
			counted := &counting{Detector: database}
			f := added(t, counted, images...)
			if counted.detected.Load() != 4 {
				t.Fatalf("%d tuples are matched at first", counted.detected.Load())
			}
			counted.forget()
			test.change(content)
			database.publish(t, content)
			var want []image.Digest
			for _, number := range test.changed {
				want = append(want, numbered(number))
			}
			slices.SortFunc(want, compareDigests)
			if changed := update(t, f); !slices.Equal(changed, want) {
				t.Errorf("changed are %v, want %v", changed, want)
			}
			if got := counted.detected.Load(); got != test.detected {
				t.Errorf("%d tuples are matched anew, want %d", got, test.detected)
			}
			if got := counted.excerpts.Load(); got > 0 != test.amended {
				t.Errorf("%d excerpts are made", got)
			}
			if got := counted.rated.Load(); got != test.rated {
				t.Errorf("%d ratings, want %d", got, test.rated)
			}
		})
	}
}

// TestNoRoomForAnExcerpt has the disk full.
func TestNoRoomForAnExcerpt(t *testing.T) {
	content := base()
	database := publish(t, content)
	counted := &counting{Detector: database, failing: errors.New("no space left on device")}
	f := added(t, counted, debian("linux"))
	counted.forget()
	delete(content["debian 12"]["linux"], "CVE-2020-0009")
	database.publish(t, content)
	if changed := update(t, f); len(changed) != 1 || counted.detected.Load() != 1 {
		t.Errorf("changed are %v, %d tuples are matched anew", changed, counted.detected.Load())
	}
	if got := ids(t, f, 0); len(got) != 7 {
		t.Errorf("found %v", got)
	}
}

func TestTheEndOfLifeIsNoticed(t *testing.T) {
	folder := t.TempDir()
	base().Write(t, folder, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	clock := clocktesting.NewFakeClock(time.Date(2028, 6, 10, 0, 0, 0, 0, time.UTC))
	database := trivydb.New(t.TempDir(), trivydb.FromPath(folder), clock)
	defer func() { _ = database.Close() }()
	if _, err := database.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := added(t, database, debian("openssl"), fanal.ArtifactDetail{})
	matched, err := f.Match(t.Context(), numbered(0))
	if err != nil || matched.Distribution != (evidence.Distribution{Name: "debian 12.5"}) {
		t.Errorf("distribution is %v, error %v", matched.Distribution, err)
	}
	if changed := update(t, f); len(changed) != 0 {
		t.Errorf("changed are %v", changed)
	}
	clock.Step(24 * time.Hour)
	if changed := update(t, f); !slices.Equal(changed, []image.Digest{numbered(0)}) {
		t.Errorf("changed are %v", changed)
	}
	matched, err = f.Match(t.Context(), numbered(0))
	if err != nil || matched.Distribution != (evidence.Distribution{Name: "debian 12.5", EndOfLife: true}) {
		t.Errorf("distribution is %v, error %v", matched.Distribution, err)
	}
}

// TestReadersDoNotWait asks while a new database is being matched, and puts yet another one in place meanwhile.
func TestReadersDoNotWait(t *testing.T) {
	content := base()
	database := publish(t, content)
	counted := &counting{Detector: database}
	f := added(t, counted, debian("openssl", "zlib"))
	before := f.Feed()

	entered, resume := make(chan struct{}), make(chan struct{})
	var once sync.Once
	counted.during = func(vulnerability.View) {
		once.Do(func() {
			close(entered)
			<-resume
		})
	}
	content["debian 12"]["openssl"]["CVE-2020-1003"] = fixed("1.1")
	database.publish(t, content)
	type result struct {
		changed []image.Digest
		err     error
	}
	updated := make(chan result)
	go func() {
		changed, err := f.Update(t.Context())
		updated <- result{changed, err}
	}()
	<-entered

	if got := ids(t, f, 0); len(got) != 2 {
		t.Errorf("meanwhile found %v", got)
	}
	if f.Feed() != before || len(f.Affected("CVE-2020-1001", []image.Digest{numbered(0)}, 9)) != 1 || len(f.Carrying(map[string]struct{}{"CVE-2020-1002": {}})) != 1 {
		t.Error("meanwhile the fleet says something else than before")
	}
	delete(content["debian 12"], "zlib")
	next := make(chan error)
	go func() {
		content.Write(t, database.folder, database.day.AddDate(0, 0, 1))
		_, err := database.Refresh(t.Context())
		next <- err
	}()
	close(resume)
	if r := <-updated; r.err != nil || !slices.Equal(r.changed, []image.Digest{numbered(0)}) {
		t.Errorf("changed are %v, error %v", r.changed, r.err)
	}
	if err := <-next; err != nil {
		t.Fatal(err)
	}
	if got := ids(t, f, 0); !slices.Equal(got, []string{"CVE-2020-1001", "CVE-2020-1003", "CVE-2020-1002"}) {
		t.Errorf("after the update found %v", got)
	}
	update(t, f)
	if got := ids(t, f, 0); !slices.Equal(got, []string{"CVE-2020-1001", "CVE-2020-1003"}) {
		t.Errorf("after the next update found %v", got)
	}
}

func TestAnUpdateThatIsGivenUpChangesNothing(t *testing.T) {
	content := base()
	database := publish(t, content)
	counted := &counting{Detector: database}
	f := added(t, counted, debian("openssl"))
	content["debian 12"]["openssl"]["CVE-2020-1003"] = fixed("1.1")
	database.publish(t, content)
	ctx, cancel := context.WithCancel(t.Context())
	counted.during = func(vulnerability.View) { cancel() }
	if _, err := f.Update(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if got := ids(t, f, 0); len(got) != 1 {
		t.Errorf("found %v", got)
	}
	counted.during = nil
	if changed := update(t, f); len(changed) != 1 {
		t.Errorf("changed are %v", changed)
	}
	if got := ids(t, f, 0); len(got) != 2 {
		t.Errorf("found %v", got)
	}
}

func TestAnUpdateThatIsGivenUpAfterAnExcerptChangesNothing(t *testing.T) {
	content := base()
	database := publish(t, content)
	counted := &counting{Detector: database}
	f := added(t, counted, debian("linux"))
	before := ids(t, f, 0)
	delete(content["debian 12"]["linux"], "CVE-2020-0009")
	database.publish(t, content)
	ctx, cancel := context.WithCancel(t.Context())
	counted.afterwards = cancel
	if _, err := f.Update(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if got := ids(t, f, 0); !slices.Equal(got, before) {
		t.Errorf("found %v", got)
	}
	counted.afterwards = nil
	if changed := update(t, f); len(changed) != 1 || len(ids(t, f, 0)) != len(before)-1 {
		t.Errorf("changed are %v", changed)
	}
}

// TestAnAddThatMeetsANewDatabase has nobody call Update yet: the image is matched, and what that changed for others is told later.
func TestAnAddThatMeetsANewDatabase(t *testing.T) {
	content := base()
	database := publish(t, content)
	f := added(t, database, debian("openssl"))
	content["debian 12"]["openssl"]["CVE-2020-1003"] = fixed("1.1")
	database.publish(t, content)
	if err := f.Add(t.Context(), numbered(1), has(t, debian("openssl", "zlib"))); err != nil {
		t.Fatal(err)
	}
	if first, second := ids(t, f, 0), ids(t, f, 1); len(first) != 2 || len(second) != 3 {
		t.Errorf("found %v and %v", first, second)
	}
	if changed := update(t, f); !slices.Equal(changed, []image.Digest{numbered(0)}) {
		t.Errorf("changed are %v", changed)
	}
	if changed := update(t, f); len(changed) != 0 {
		t.Errorf("changed are %v", changed)
	}
}
