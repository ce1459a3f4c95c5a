// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/vulnerability"
)

// fakeFindings is a fleet with a database that says what a test tells it.
type fakeFindings struct {
	mu       sync.Mutex
	edition  int
	updated  time.Time
	by       map[image.Digest][]evidence.Finding
	packages map[image.Digest][]evidence.Package
	err      error
	added    map[image.Digest]bool
	changed  map[image.Digest]bool
	examined []image.Digest
	// now is the clock by which Update asks whether the support of every image's distribution ended at a moment, zero for never.
	now         func() time.Time
	supportEnds time.Time
	ended       bool
}

func newFindings(updated time.Time) *fakeFindings {
	return &fakeFindings{
		updated: updated, by: map[image.Digest][]evidence.Finding{}, packages: map[image.Digest][]evidence.Package{},
		added: map[image.Digest]bool{}, changed: map[image.Digest]bool{},
	}
}

// find makes the database know findings in the image from now on.
func (f *fakeFindings) find(digest image.Digest, findings ...evidence.Finding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.by[digest] = findings
	f.changed[digest] = true
	f.edition++
}

// fail makes every match fail, nil ends that.
func (f *fakeFindings) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
	f.edition++
}

// publish makes the database one of a new edition in which nothing else is found.
func (f *fakeFindings) publish(updated time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.updated = updated
	f.edition++
}

func (f *fakeFindings) Add(ctx context.Context, manifest image.Digest, load func(context.Context) (inventory.Inventory, error)) error {
	if _, err := load(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.added[manifest] = true
	return nil
}

func (f *fakeFindings) Replace(_ context.Context, manifest image.Digest, _ inventory.Inventory) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.added[manifest] = true
	return nil
}

func (f *fakeFindings) Match(_ context.Context, manifest image.Digest) (vulnerability.Matched, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.added[manifest] {
		return vulnerability.Matched{}, vulnerability.ErrNotAdded
	}
	f.examined = append(f.examined, manifest)
	return vulnerability.Matched{Findings: slices.Clone(f.by[manifest]), Distribution: evidence.Distribution{Name: "debian 12", EndOfLife: f.ended}}, f.err
}

func (f *fakeFindings) Packages(_ context.Context, manifest image.Digest) ([]evidence.Package, error) {
	return f.packages[manifest], nil
}

func (f *fakeFindings) Details(_ context.Context, id string) (vulnerability.Details, error) {
	return vulnerability.Details{ID: id, Title: "what is wrong"}, nil
}

func (f *fakeFindings) Feed() evidence.Fact[evidence.Feed] {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return evidence.Unchecked[evidence.Feed](v1alpha1.ReasonDatabaseUnavailable, "no vulnerability database is loaded")
	}
	return evidence.Checked(evidence.Feed{Version: fmt.Sprint("database ", f.edition), UpdatedAt: f.updated})
}

func (f *fakeFindings) Update(context.Context) ([]image.Digest, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ended := !f.supportEnds.IsZero() && !f.now().Before(f.supportEnds); ended != f.ended {
		f.ended = ended
		maps.Copy(f.changed, f.added)
	}
	changed := slices.Collect(maps.Keys(f.changed))
	clear(f.changed)
	return changed, nil
}

func (f *fakeFindings) Carrying(ids map[string]struct{}) []image.Digest {
	f.mu.Lock()
	defer f.mu.Unlock()
	var carrying []image.Digest
	for digest, findings := range f.by {
		if slices.ContainsFunc(findings, func(finding evidence.Finding) bool { _, is := ids[finding.ID]; return is }) {
			carrying = append(carrying, digest)
		}
	}
	return carrying
}

func (f *fakeFindings) Retain(keep func(image.Digest) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.added, func(manifest image.Digest, _ bool) bool { return !keep(manifest) })
}

// fakeCatalogue is a catalogue of exploited vulnerabilities; the zero value never loaded.
type fakeCatalogue struct {
	version string
	ids     []string
}

func (c *fakeCatalogue) Exploited(id string) bool { return slices.Contains(c.ids, id) }

func (*fakeCatalogue) Ransomware(string) bool { return false }

func (c *fakeCatalogue) Feed() evidence.Fact[evidence.Feed] { return feedOf(c.version) }

func feedOf(version string) evidence.Fact[evidence.Feed] {
	if version == "" {
		return evidence.Unchecked[evidence.Feed](v1alpha1.ReasonFeedUnavailable, "none is loaded")
	}
	return evidence.Checked(evidence.Feed{Version: version})
}

// fakeScores score what a test tells them; the zero value never loaded.
type fakeScores struct {
	version string
	scores  map[string]float64
}

func (s *fakeScores) Score(id string) (float64, bool) {
	score, found := s.scores[id]
	return score, found
}

func (s *fakeScores) Feed() evidence.Fact[evidence.Feed] { return feedOf(s.version) }

// fakeChronicle has seen everything first in the morning, but what it has another time for.
type fakeChronicle struct{ by map[string]time.Time }

func (c *fakeChronicle) Date(_ context.Context, findings []evidence.Finding) error {
	for i := range findings {
		findings[i].FirstSeen = morning
		if at, there := c.by[findings[i].ID]; there {
			findings[i].FirstSeen = at
		}
	}
	return nil
}
