// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package gather

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/vulnerability"
)

// Wanted says what Examine is to find out beside the findings.
type Wanted struct {
	// Packages asks for the list of packages of each platform.
	Packages bool
	// Statements are the predicate types of the attestations of which it is asked what they state, by signers who are Believed.
	Statements []string
	Believed   evidence.Believes
	// Layouts under which the image is looked at.
	Layouts []layout.Layout
	// Now is the time of the look.
	Now time.Time
}

// Examine returns the evidence with all that is known of the vulnerabilities in the image now. It takes milliseconds and no
// network, so that findings are never kept: a new database or feed counts at once. collected is not changed.
func (g *Gatherer) Examine(ctx context.Context, collected evidence.Evidence, wanted Wanted) evidence.Evidence {
	collected.Database, collected.KEV, collected.EPSS = g.Matcher.Feed(), g.Catalogue.Feed(), g.Scores.Feed()
	collected = g.Stated(ctx, collected, wanted)
	collected.Platforms = slices.Clone(collected.Platforms)
	for i := range collected.Platforms {
		g.examine(ctx, &collected.Platforms[i], wanted)
	}
	return collected
}

func (g *Gatherer) examine(ctx context.Context, p *evidence.Platform, wanted Wanted) {
	matched, err := g.match(ctx, p.Manifest)
	if err == nil {
		err = g.date(ctx, matched.Findings)
	}
	switch {
	case err == nil:
		for i := range matched.Findings {
			g.rate(&matched.Findings[i])
		}
		p.Findings, p.Distribution = evidence.Checked(matched.Findings), evidence.Checked(matched.Distribution)
	case p.Inventory.State == evidence.CouldNotCheck && errors.Is(err, vulnerability.ErrNotAdded):
		p.Findings = evidence.Unchecked[[]evidence.Finding](p.Inventory.Reason, p.Inventory.Message)
		p.Distribution = evidence.Unchecked[evidence.Distribution](p.Inventory.Reason, p.Inventory.Message)
	default:
		p.Findings = evidence.Unchecked[[]evidence.Finding](matchingReason(err), err.Error())
		p.Distribution = evidence.Unchecked[evidence.Distribution](matchingReason(err), err.Error())
	}
	if wanted.Packages {
		p.Packages = g.packages(ctx, *p)
	}
}

// rate adds what the feeds say. They know vulnerabilities by their CVE identifier, which may be an alias of the finding's own.
func (g *Gatherer) rate(f *evidence.Finding) {
	for _, id := range append([]string{f.ID}, f.Aliases...) {
		f.Exploited = f.Exploited || g.Catalogue.Exploited(id)
		f.Ransomware = f.Ransomware || g.Catalogue.Ransomware(id)
		if probability, scored := g.Scores.Score(id); scored {
			f.EPSS, f.Scored = max(f.EPSS, probability), true
		}
	}
}

// date says when the findings were first seen.
func (g *Gatherer) date(ctx context.Context, findings []evidence.Finding) error {
	if err := g.Chronicle.Date(ctx, findings); err != nil {
		return fmt.Errorf("%w: remember when vulnerabilities were first seen: %w", ErrStore, err)
	}
	return nil
}

// match finds the vulnerabilities in an image; one that the fleet forgot meanwhile is taken back from the store.
func (g *Gatherer) match(ctx context.Context, manifest image.Digest) (vulnerability.Matched, error) {
	matched, err := g.Matcher.Match(ctx, manifest)
	if !errors.Is(err, vulnerability.ErrNotAdded) {
		return matched, err
	}
	if _, missing := g.kept(ctx, manifest, false); missing != nil {
		return matched, err
	}
	return g.Matcher.Match(ctx, manifest)
}

// packages lists what is in the image; an incomplete list is none.
func (g *Gatherer) packages(ctx context.Context, p evidence.Platform) evidence.Fact[[]evidence.Package] {
	if p.Inventory.State != evidence.Known {
		return evidence.Unchecked[[]evidence.Package](p.Inventory.Reason, p.Inventory.Message)
	}
	packages, err := g.Matcher.Packages(ctx, p.Manifest)
	if err != nil {
		return evidence.Unchecked[[]evidence.Package](matchingReason(err), err.Error())
	}
	return evidence.Checked(packages)
}

func matchingReason(err error) string {
	switch {
	case errors.Is(err, ErrStore):
		return v1alpha1.ReasonStorageFailed
	case errors.Is(err, vulnerability.ErrNoDatabase):
		return v1alpha1.ReasonDatabaseUnavailable
	case errors.Is(err, vulnerability.ErrNotCovered):
		return v1alpha1.ReasonNotCovered
	default:
		return v1alpha1.ReasonMatchingFailed
	}
}
