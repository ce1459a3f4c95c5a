// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package gather_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/vulnerability"
)

// javaDatabase is a Java database that names one jar, or none.
type javaDatabase struct{ version, names string }

func (j *javaDatabase) Version() string { return j.version }

func (j *javaDatabase) Name(_ context.Context, jars []inventory.Jar) (inventory.Naming, error) {
	naming := inventory.Naming{Database: j.version}
	for i, jar := range jars {
		if jar.Path == j.names {
			naming.Jars = append(naming.Jars, i)
		}
	}
	if naming.Jars == nil {
		return naming, nil
	}
	var err error
	naming.Detail, err = json.Marshal(map[string]string{"Name": "<" + j.names + ">"})
	return naming, err
}

// editions writes SBOMs as real writers do: no two are the same.
type editions struct{ written int }

func (e *editions) SPDX(context.Context, string, inventory.Inventory) ([]byte, error) {
	e.written++
	return fmt.Appendf(nil, "spdx %d", e.written), nil
}

func (e *editions) CycloneDX(ctx context.Context, image string, made inventory.Inventory) ([]byte, error) {
	return e.SPDX(ctx, image, made)
}

// jars is an image with a jar that a Java database may name, gathered by the first edition of one.
func jars(t *testing.T) (*gather.Gatherer, *place, *javaDatabase, gather.Request, evidence.Evidence) {
	t.Helper()
	p, names := newPlace(), &javaDatabase{version: "1"}
	p.made.Jars = []inventory.Jar{{Path: "app/a.jar"}}
	digest, _ := p.manifest(t, "amd64")
	g := newGatherer(p, database{})
	g.Jars, g.SBOMs = names, &editions{}
	request := requestFor(t, p, digest)
	collected, err := g.Gather(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return g, p, names, request, collected
}

func TestJarsAreNamedAnewByAnotherJavaDatabase(t *testing.T) {
	for name, test := range map[string]struct {
		next         javaDatabase
		outdated     bool
		unidentified []string
		anew         bool // SBOMs are written
	}{
		"the same database":              {javaDatabase{"1", ""}, false, []string{"app/a.jar"}, false},
		"one that names the jar":         {javaDatabase{"2", "app/a.jar"}, true, nil, true},
		"one that says the same":         {javaDatabase{"2", "b.jar"}, true, []string{"app/a.jar"}, false},
		"none, since it cannot be read":  {javaDatabase{"", ""}, false, []string{"app/a.jar"}, false},
		"one more, and nothing new":      {javaDatabase{"3", ""}, true, []string{"app/a.jar"}, false},
		"one more, and it is named then": {javaDatabase{"3", "app/a.jar"}, true, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			g, p, names, request, collected := jars(t)
			*names = test.next
			fetched, before := p.fetches.Load(), collected.Platforms[0]
			if got := g.Outdated(collected); got != test.outdated {
				t.Fatalf("outdated: %v", got)
			}
			renamed, err := g.Rename(t.Context(), collected)
			if err != nil || g.Outdated(renamed) {
				t.Fatalf("it is outdated still: %v", err)
			}
			after := renamed.Platforms[0]
			if diff := cmp.Diff(test.unidentified, after.Inventory.Value.Unidentified); diff != "" {
				t.Errorf("unidentified (-want +got):\n%s", diff)
			}
			if anew := !slices.Equal(before.SBOMs, after.SBOMs); anew != test.anew {
				t.Errorf("SBOMs were written anew: %v", anew)
			}
			if p.fetches.Load() != fetched || p.indexed.Load() != 1 {
				t.Error("the registry was asked, or the image was indexed")
			}
			again, err := g.Gather(t.Context(), request)
			if err != nil || !slices.Equal(after.SBOMs, again.Platforms[0].SBOMs) {
				t.Errorf("the store has other SBOMs than the evidence names: %v, %v", again.Platforms[0].SBOMs, err)
			}
		})
	}
}

// Names that stay the same over several editions must not have what names them written, whichever edition wrote it.
func TestEditionsThatSayTheSameWriteNothingAnew(t *testing.T) {
	g, _, names, _, collected := jars(t)
	*names = javaDatabase{"2", "app/a.jar"}
	collected, err := g.Rename(t.Context(), collected)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"3", "4"} {
		names.version = version
		renamed, err := g.Rename(t.Context(), collected)
		if err != nil || renamed.Platforms[0].Naming.Database != version || renamed.Platforms[0].SBOMs[0] != collected.Platforms[0].SBOMs[0] {
			t.Errorf("by %s: %+v, %v", version, renamed.Platforms[0], err)
		}
		collected = renamed
	}
}

// absent is a fleet that takes nothing in while it says why.
type absent struct {
	vulnerability.Matcher
	why      error
	replaced int
}

func (a *absent) Replace(ctx context.Context, manifest image.Digest, made inventory.Inventory) error {
	a.replaced++
	return errors.Join(a.why, a.Matcher.Replace(ctx, manifest, made))
}

// What the fleet keeps must not stay behind what the outline says: a process may be killed in between.
func TestTheFleetKnowsNewNamesBeforeTheyCount(t *testing.T) {
	g, _, names, request, collected := jars(t)
	fleet := &absent{Matcher: g.Matcher, why: errors.New("killed")}
	g.Matcher = fleet
	*names = javaDatabase{"2", "app/a.jar"}
	if _, err := g.Rename(t.Context(), collected); err == nil {
		t.Fatal("it was not killed")
	}
	fleet.why = nil
	again, err := g.Gather(t.Context(), request)
	if err != nil || fleet.replaced != 2 || len(again.Platforms[0].Inventory.Value.Unidentified) != 0 {
		t.Errorf("the fleet was told %d times; %+v, %v", fleet.replaced, again.Platforms[0].Inventory, err)
	}
}
