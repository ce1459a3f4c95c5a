// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	fanal "github.com/aquasecurity/trivy/pkg/fanal/types"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/s2"

	"github.com/assay-dev/assay/internal/evidence"
	evidencefake "github.com/assay-dev/assay/internal/evidence/fake"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/vulnerability"
	"github.com/assay-dev/assay/test/worlds"
)

// never is how nobody may load an inventory.
func never(context.Context) (inventory.Inventory, error) {
	return inventory.Inventory{}, errors.New("the inventory was asked for")
}

func TestARestartDecodesNoInventory(t *testing.T) {
	database, store := publish(t, base()), &evidencefake.Store{}
	before := New(database, store)
	image := fanal.ArtifactDetail{
		OS: debian().OS, Packages: debian("openssl", "zlib").Packages,
		Applications: fanal.Applications{{Type: fanal.GoBinary, FilePath: "bin/app", Packages: fanal.Packages{{Name: "example.com/m", Version: "v1.0.0", Licenses: []string{"MIT"}}}}},
	}
	if err := before.Add(t.Context(), numbered(0), has(t, image)); err != nil {
		t.Fatal(err)
	}
	after := New(database, store)
	if err := after.Add(t.Context(), numbered(0), never); err != nil {
		t.Fatal(err)
	}
	if want, got := answers(t, before, 1), answers(t, after, 1); !reflect.DeepEqual(want, got) {
		t.Errorf("- before, + after:\n%s", cmp.Diff(want, got))
	}
	want, _ := before.Packages(t.Context(), numbered(0))
	got, err := after.Packages(t.Context(), numbered(0))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v, - before, + after:\n%s", err, diff)
	}
}

// TestWhatIsStoredCannotBeRead makes inventories be decoded anew.
func TestWhatIsStoredCannotBeRead(t *testing.T) {
	sound := encode(vulnerability.Composition{Surroundings: "s", Packages: []vulnerability.Instance{{Name: "n"}}})
	plain, err := s2.Decode(nil, sound)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string][]byte{
		"nothing":                  nil,
		"garbage":                  []byte("garbage"),
		"another version":          s2.Encode(nil, append([]byte{plain[0] + 1}, plain[1:]...)),
		"an earlier inventory":     s2.Encode(nil, append([]byte{plain[0], plain[1], plain[2] - 1}, plain[3:]...)),
		"a text too many":          s2.Encode(nil, append(slices.Clone(plain), 0)),
		"a text that is not there": s2.Encode(nil, append(slices.Clone(plain[:len(plain)-1]), 99)),
		"more texts than bytes":    s2.Encode(nil, append(slices.Clone(plain[:3]), 0xff, 0xff, 0xff, 0xff, 0x0f)),
		"a huge size":              append([]byte{0xff, 0xff, 0xff, 0xff, 0x0f}, sound...),
	}
	for length := range plain {
		tests[fmt.Sprintf("the first %d bytes", length)] = s2.Encode(nil, plain[:length])
	}
	for name, content := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := decode(content); !errors.Is(err, errUnreadable) {
				t.Fatalf("error is %v", err)
			}
			store := &evidencefake.Store{}
			if err := store.Put(t.Context(), numbered(0), evidence.KindComposition, content); err != nil {
				t.Fatal(err)
			}
		})
	}

	store := &evidencefake.Store{}
	if err := store.Put(t.Context(), numbered(0), evidence.KindComposition, tests["garbage"]); err != nil {
		t.Fatal(err)
	}
	f := New(publish(t, base()), store)
	if err := f.Add(t.Context(), numbered(0), has(t, debian("openssl"))); err != nil || len(ids(t, f, 0)) != 1 {
		t.Errorf("error %v", err)
	}
	if kept, err := store.Get(t.Context(), numbered(0), evidence.KindComposition); err != nil || bytes.Equal(kept, tests["garbage"]) {
		t.Errorf("it is kept as it was, error %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(vulnerability.Composition{}))
	f.Add(encode(vulnerability.Composition{Surroundings: "s", Packages: []vulnerability.Instance{
		{Tuple: vulnerability.Tuple{Subject: "a", Version: "b"}, Name: "n", Licenses: []string{"l", "m"}, NamedByTarget: true}, {Comprehensive: true},
	}}))
	f.Fuzz(func(t *testing.T, content []byte) {
		composition, err := decode(content)
		if err != nil {
			return
		}
		again, err := decode(encode(composition))
		if err != nil || !reflect.DeepEqual(composition, again) {
			t.Errorf("error %v, - first, + again:\n%s", err, cmp.Diff(composition, again))
		}
	})
}

func TestAStoreThatFailsTakesNothingAway(t *testing.T) {
	store := &evidencefake.Store{}
	store.Fail(evidence.ErrFull)
	f := New(publish(t, base()), store)
	if err := f.Add(t.Context(), numbered(0), has(t, debian("openssl"))); err != nil || len(ids(t, f, 0)) != 1 {
		t.Errorf("error %v", err)
	}
}

// TestHostileTexts has packages with names that are made to confuse keys, lists and patterns.
func TestHostileTexts(t *testing.T) {
	hostile := []string{"a\x00b", "\x00", "\x01", "\xff\xfe", strings.Repeat("long", 1<<14), "../../etc", "\x1b[31m", "debian 12\x00openssl", "{\"", "\u202e"}
	var images []fanal.ArtifactDetail
	for _, text := range hostile {
		detail := debian("openssl", text)
		detail.Packages[1].Version, detail.Packages[1].SrcVersion, detail.Packages[1].Licenses = text, text, []string{text}
		detail.Applications = fanal.Applications{{Type: fanal.GoBinary, FilePath: text, Packages: fanal.Packages{{ID: text, Name: text, Version: text}}}}
		images = append(images, detail)
	}
	images = append(images, fanal.ArtifactDetail{OS: fanal.OS{Family: "\x00\x1b", Name: strings.Repeat("x", 1<<16)}, Packages: debian("a").Packages})
	f := added(t, publish(t, base()), images...)
	for number := range hostile {
		if got := ids(t, f, number); !slices.Equal(got, []string{"CVE-2020-1001"}) {
			t.Errorf("%q: found %v", hostile[number], got)
		}
		packages, err := f.Packages(t.Context(), numbered(number))
		if err != nil || len(packages) != 3 {
			t.Errorf("%q: %d packages, error %v", hostile[number], len(packages), err)
		}
	}
	_, err := f.Match(t.Context(), numbered(len(hostile)))
	if !errors.Is(err, vulnerability.ErrNotCovered) || len(err.Error()) > 256 || strings.ContainsAny(err.Error(), "\x00\x1b") {
		t.Errorf("error is %v", err)
	}
}

func TestReplace(t *testing.T) {
	database, store := publish(t, base()), &evidencefake.Store{}
	f := New(database, store)
	if err := f.Add(t.Context(), numbered(0), has(t, debian("openssl"))); err != nil {
		t.Fatal(err)
	}
	made, err := has(t, debian("zlib"))(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Replace(t.Context(), numbered(0), made); err != nil {
		t.Fatal(err)
	}
	restarted := New(database, store)
	if err := restarted.Add(t.Context(), numbered(0), never); err != nil {
		t.Fatal(err)
	}
	for _, f := range []*Fleet{f, restarted} {
		if got := ids(t, f, 0); !slices.Equal(got, []string{"CVE-2020-1002"}) {
			t.Errorf("found %v", got)
		}
	}
}

// TestWhatIsNotRetainedIsForgotten has many images come and go. What stays says the same, and the rest takes no memory.
func TestWhatIsNotRetainedIsForgotten(t *testing.T) {
	w := worlds.All()["Debian"]
	w.Rand, w.Vulnerabilities = rand.New(rand.NewPCG(1, 1)), 40
	content := w.Content()
	database := publish(t, content)
	var images []fanal.ArtifactDetail
	for range 60 {
		images = append(images, w.Detail())
	}
	images[59] = fanal.ArtifactDetail{OS: fanal.OS{Family: fanal.Alpine, Name: "3.1"}, Packages: images[58].Packages}
	f := added(t, database, images...)
	before := answers(t, f, len(images))
	stays := func(number int) bool { return number%20 == 19 }
	kept := map[image.Digest]bool{}
	for number := range images {
		kept[numbered(number)] = stays(number)
	}
	f.Retain(func(manifest image.Digest) bool { return kept[manifest] })

	fresh := New(database, &evidencefake.Store{})
	for number := range images {
		if stays(number) {
			if err := fresh.Add(t.Context(), numbered(number), has(t, images[number])); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, want := len(f.catalog.instances.rows), len(fresh.catalog.instances.rows); got != want {
		t.Errorf("%d instances are left, want %d", got, want)
	}
	if got, want := len(f.catalog.texts.rows), len(fresh.catalog.texts.rows); got != want {
		t.Errorf("%d texts are left, want %d", got, want)
	}
	for range 5 {
		for number, after := range answers(t, f, len(images)) {
			if !stays(number) {
				if f.Has(numbered(number)) || !strings.Contains(after.Err, vulnerability.ErrNotAdded.Error()) {
					t.Errorf("image %d is still there: %v", number, after.Err)
				}
			} else if !reflect.DeepEqual(before[number], after) {
				t.Errorf("- before, + after:\n%s", cmp.Diff(before[number], after))
			}
		}
		w.Change(content)
		database.publish(t, content)
		update(t, f)
		update(t, fresh)
		before = answers(t, fresh, len(images))
	}
}

// TestResultsGiveMemoryBack has the database say ever new things.
func TestResultsGiveMemoryBack(t *testing.T) {
	content := base()
	database := publish(t, content)
	f := added(t, database, debian("openssl", "zlib"))
	for generation := range 20 {
		content["debian 12"]["openssl"] = map[string]string{}
		for number := range 5 {
			content["debian 12"]["openssl"][fmt.Sprintf("CVE-2021-%02d%02d", generation, number)] = fixed(fmt.Sprintf("2.%d", generation))
		}
		database.publish(t, content)
		update(t, f)
		if got := ids(t, f, 0); len(got) != 6 || got[0] != fmt.Sprintf("CVE-2021-%02d00", generation) {
			t.Fatalf("found %v", got)
		}
	}
	if r := f.results; len(r.bases.rows) > 12 || len(r.vulnerabilities.rows) > 12 || len(r.ratings) != len(r.bases.rows) || len(r.details) != len(r.vulnerabilities.rows) {
		t.Errorf("%d bases, %d vulnerabilities, %d ratings, %d details", len(r.bases.rows), len(r.vulnerabilities.rows), len(r.ratings), len(r.details))
	}
}

func TestQueries(t *testing.T) {
	module := fanal.ArtifactDetail{Applications: fanal.Applications{{Type: fanal.GoBinary, FilePath: "bin/app", Packages: fanal.Packages{{Name: "example.com/m", Version: "v1.0.0"}}}}}
	f := added(t, publish(t, base()), debian("openssl", "zlib"), debian("zlib"), module, debian("openssl"))
	all := []image.Digest{numbered(0), numbered(1), numbered(2), numbered(3)}
	openssl := evidence.Package{PURL: "pkg:deb/debian/openssl@1.0", Name: "openssl", Version: "1.0", Licenses: []string{"GPL-2.0-only", "MIT"}}
	carrier := func(number int) Carrier {
		return Carrier{Manifest: numbered(number), Package: openssl, ID: "CVE-2020-1001", FixedVersion: "1.1", Severity: evidence.SeverityLow}
	}
	if diff := cmp.Diff([]Carrier{carrier(0), carrier(3)}, f.Affected("CVE-2020-1001", all, 9), cmp.Comparer(func(a, b image.Digest) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if got := f.Affected("DSA-1-1", all, 9); len(got) != 4 {
		t.Errorf("by an alias affected are %v", got)
	}
	if got := f.Affected("cve-2020-1001", all, 9); len(got) != 2 || got[0].ID != "CVE-2020-1001" {
		t.Errorf("by an id in another case affected are %v", got)
	}
	if got := f.Affected("Dsa-1-1", all, 9); len(got) != 4 {
		t.Errorf("by an alias in another case affected are %v", got)
	}
	if got := f.Affected("DSA-1-1", all, 2); len(got) != 2 {
		t.Errorf("of two affected are %v", got)
	}
	if got := f.Affected("CVE-2020-1001", all[1:3], 9); len(got) != 0 {
		t.Errorf("of others affected are %v", got)
	}
	found := f.Find(beginsWith("pkg:deb/debian/openssl@"), all, 9)
	want := []Carrier{{Manifest: numbered(0), Package: openssl}, {Manifest: numbered(3), Package: openssl}}
	if diff := cmp.Diff(want, found, cmp.Comparer(func(a, b image.Digest) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	carrying := f.Carrying(map[string]struct{}{"CVE-2020-1001": {}, "CVE-2020-2001": {}, "CVE-2020-9999": {}})
	if want := slices.SortedFunc(slices.Values([]image.Digest{numbered(0), numbered(2), numbered(3)}), compareDigests); !slices.Equal(carrying, want) {
		t.Errorf("carrying are %v, want %v", carrying, want)
	}
	if got := f.Carrying(map[string]struct{}{"DSA-1-1": {}}); len(got) != 3 {
		t.Errorf("by an alias carrying are %v", got)
	}
}

// TestManyAtOnce is for the race detector.
func TestManyAtOnce(t *testing.T) {
	w := worlds.All()["Debian"]
	w.Rand, w.Vulnerabilities = rand.New(rand.NewPCG(1, 1)), 40
	content := w.Content()
	database := publish(t, content)
	f := New(database, &evidencefake.Store{})
	var loads []func(context.Context) (inventory.Inventory, error)
	for range 40 {
		loads = append(loads, has(t, w.Detail()))
	}
	var working sync.WaitGroup
	for worker := range 4 {
		working.Go(func() {
			for number, load := range loads {
				if err := f.Add(t.Context(), numbered(number), load); err != nil {
					t.Error(err)
				}
				if _, err := f.Match(t.Context(), numbered((number*worker)%len(loads))); err != nil && !errors.Is(err, vulnerability.ErrNotAdded) {
					t.Error(err)
				}
				f.Affected("CVE-2020-0001", []image.Digest{numbered(number)}, 9)
				f.Find(beginsWith("pkg:"), []image.Digest{numbered(number)}, 9)
				f.Carrying(map[string]struct{}{"CVE-2020-0002": {}})
				f.Feed()
			}
		})
	}
	working.Go(func() {
		for range 5 {
			w.Change(content)
			database.publish(t, content)
			if _, err := f.Update(t.Context()); err != nil {
				t.Error(err)
			}
			f.Retain(func(manifest image.Digest) bool { return manifest != numbered(3) })
		}
	})
	working.Wait()
	update(t, f)
	if err := f.Add(t.Context(), numbered(3), never); err != nil {
		t.Error(err)
	}
	anew := New(database, &evidencefake.Store{})
	for number, load := range loads {
		if err := anew.Add(t.Context(), numbered(number), load); err != nil {
			t.Fatal(err)
		}
	}
	if want, got := answers(t, anew, len(loads)), answers(t, f, len(loads)); !reflect.DeepEqual(want, got) {
		t.Errorf("- anew, + after all:\n%s", cmp.Diff(want, got))
	}
}
