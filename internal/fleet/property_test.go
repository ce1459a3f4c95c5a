// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	evidencefake "github.com/assay-dev/assay/internal/evidence/fake"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/vulnerability"
	"github.com/assay-dev/assay/internal/vulnerability/trivydb"
	"github.com/assay-dev/assay/test/worlds"
)

// published is a database that tests publish new editions of.
type published struct {
	*trivydb.Database
	folder string
	day    time.Time
}

func publish(t *testing.T, content worlds.Advisories) *published {
	t.Helper()
	p := &published{folder: t.TempDir(), day: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	p.Database = trivydb.New(t.TempDir(), trivydb.FromPath(p.folder), clock.RealClock{})
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	p.publish(t, content)
	return p
}

func (p *published) publish(t *testing.T, content worlds.Advisories) {
	t.Helper()
	p.day = p.day.AddDate(0, 0, 1)
	content.Write(t, p.folder, p.day)
	if _, err := p.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// has returns how an inventory is loaded.
func has(t *testing.T, detail any) func(context.Context) (inventory.Inventory, error) {
	t.Helper()
	encoded, err := json.Marshal(detail)
	if err != nil {
		t.Fatal(err)
	}
	return func(context.Context) (inventory.Inventory, error) {
		return inventory.Inventory{Version: inventory.Version, Detail: encoded}, nil
	}
}

func numbered(number int) image.Digest { return image.DigestOf(fmt.Append(nil, number)) }

// answer is what Match says, in a form that can be compared.
type answer struct {
	Matched vulnerability.Matched
	Err     string
}

func answers(t *testing.T, f *Fleet, images int) []answer {
	t.Helper()
	var all []answer
	for number := range images {
		matched, err := f.Match(t.Context(), numbered(number))
		a := answer{Matched: matched}
		if err != nil {
			a.Err = err.Error()
		}
		all = append(all, a)
	}
	return all
}

// TestUpdatesEqualMatchingAnew changes databases and fleets at random. After each update the fleet says the same as one that never
// saw another database, and Update named the images about which it says something else than before.
func TestUpdatesEqualMatchingAnew(t *testing.T) {
	const images, updates = 10, 5
	for name, made := range worlds.All() {
		t.Run(name, func(t *testing.T) {
			w := made
			w.Rand, w.Vulnerabilities = rand.New(rand.NewPCG(7, 7)), 40
			content := w.Content()
			database := publish(t, content)
			f := New(database, &evidencefake.Store{})
			var loads []func(context.Context) (inventory.Inventory, error)
			add := func() {
				loads = append(loads, has(t, w.Detail()))
				if err := f.Add(t.Context(), numbered(len(loads)-1), loads[len(loads)-1]); err != nil {
					t.Fatal(err)
				}
			}
			for range images {
				add()
			}
			changes := 0
			for range updates {
				before := answers(t, f, len(loads))
				for range w.IntN(8) {
					w.Change(content)
				}
				database.publish(t, content)
				changed, err := f.Update(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				after := answers(t, f, len(loads))

				anew := New(database, &evidencefake.Store{})
				for number, load := range loads {
					if err := anew.Add(t.Context(), numbered(number), load); err != nil {
						t.Fatal(err)
					}
				}
				if want := answers(t, anew, len(loads)); !reflect.DeepEqual(want, after) {
					t.Fatalf("- anew, + updated:\n%s", cmp.Diff(want, after))
				}
				for number := range before {
					if named, differs := slices.Contains(changed, numbered(number)), !reflect.DeepEqual(before[number], after[number]); named != differs {
						t.Fatalf("image %d is named: %t, - before, + after:\n%s", number, named, cmp.Diff(before[number], after[number]))
					}
				}
				changes += len(changed)
				add()
			}
			if changes == 0 {
				t.Error("nothing ever changed")
			}
			t.Logf("%d changes of images", changes)
		})
	}
}
