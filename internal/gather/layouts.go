// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package gather

import (
	"maps"
	"slices"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/signature"
)

// maxRounds bounds how often links are looked for: once for a layout's functionaries, and once more for each depth of sublayouts, of which there may be four.
const maxRounds = 6

// functionaries are the anchors of those who sign links of the layouts, as far as they are known by what was signed.
func (g *Gatherer) functionaries(layouts []layout.Layout, signed map[string]evidence.Statements) []signature.Anchor {
	links := linksIn(signed)
	var found []signature.Anchor
	for _, l := range layouts {
		keys, err := g.Layouts.Functionaries(l, links)
		if err != nil {
			continue // Judging it will say why.
		}
		for _, key := range keys {
			anchor := signature.Anchor{Key: &key}
			if !slices.ContainsFunc(found, func(a signature.Anchor) bool { return a.ID() == anchor.ID() }) {
				found = append(found, anchor)
			}
		}
	}
	return found
}

// linksIn are the links among what was signed.
func linksIn(signed map[string]evidence.Statements) []evidence.Signed {
	types := layout.Types()
	var links []evidence.Signed
	for _, anchor := range slices.Sorted(maps.Keys(signed)) {
		for _, one := range signed[anchor].Signed {
			if slices.Contains(types, one.PredicateType) && one.Signer.Key != "" {
				links = append(links, one)
			}
		}
	}
	return links
}

// layouts says how the image did under each layout. Links that were not looked for, or could not be, may be what is missing.
func (g *Gatherer) layouts(collected evidence.Evidence, layouts []layout.Layout, now time.Time) map[string]evidence.Fact[evidence.LayoutResult] {
	if len(layouts) == 0 {
		return nil
	}
	links := linksIn(collected.Signed)
	results := make(map[string]evidence.Fact[evidence.LayoutResult], len(layouts))
	for _, l := range layouts {
		result := g.Layouts.Verify(l, links, collected.Image.Digest, now)
		fact := evidence.Checked(result)
		if !result.Passed && result.Reason == v1alpha1.ReasonLayoutBroken {
			for _, anchor := range g.functionaries([]layout.Layout{l}, collected.Signed) {
				if rest := collected.Signed[anchor.ID()].Rest; rest.State != evidence.Known {
					fact = evidence.Fact[evidence.LayoutResult]{State: rest.State, Reason: rest.Reason, Message: rest.Message}
				}
			}
		}
		results[l.ID()] = fact
	}
	return results
}
