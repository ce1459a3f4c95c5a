// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intoto

import (
	"time"

	"github.com/in-toto/in-toto-golang/in_toto"

	"github.com/assay-dev/assay/internal/image"
)

// Whoever may push attaches links, old ones of other images among them, and no signature is wrong on any. So several links are alternatives, of which
// one choice must pass, and none can make the others fail. Over these bounds, what was tried counts.
const (
	// maxDepth of sublayouts in each other, and maxLayouts that are verified in all.
	maxDepth   = 4
	maxLayouts = 64
	// maxWays in which a sublayout may stand for its step.
	maxWays = 64
	// maxTries of links, one each time.
	maxTries = 10_000
	// maxComparisons of patterns with names of artifacts for one link, and maxSearched of all that are tried.
	maxComparisons = 4_000_000
	maxSearched    = 16_000_000
)

// verification is that of one image against a layout and its sublayouts.
type verification struct {
	statements []statement
	about      image.Digest
	now        time.Time
	sublayouts map[place]outcome
	layouts    int
	tries      int
	// searched are the comparisons to find a choice that passes, and explained those to say why there is none.
	searched, explained int
}

// alternative is one way in which a step was taken, or all steps of a layout: the link that says so, and when the first of the layouts
// behind it ends.
type alternative struct {
	link    in_toto.Link
	hashes  hashes
	expires time.Time
}

// place is where a sublayout stands, and outcome what came of it there.
type place struct {
	chain *chain
	depth int
	final bool
}

type outcome struct {
	ways []alternative
	err  error
}

// verifySublayout verifies a sublayout once for each place where it may stand.
func (v *verification) verifySublayout(at place) outcome {
	known, is := v.sublayouts[at]
	if !is {
		known.ways, known.err = v.verify(at.chain, at.depth, at.final)
		v.sublayouts[at] = known
	}
	return known
}

// verify verifies a layout in the order of the specification, and returns the ways in which its steps were taken, at least one. depth is how many layouts
// it stands in; final says that its last step must have made the image.
func (v *verification) verify(c *chain, depth int, final bool) ([]alternative, error) {
	if v.layouts++; v.layouts > maxLayouts || depth > maxDepth {
		return nil, broken("want sublayouts to stand in each other at most %d deep, and to be at most %d", maxDepth, maxLayouts)
	}
	if !v.now.Before(c.expires) {
		return nil, invalid("the layout expired at %s; have its owners sign a new one", c.layout.Expires)
	}
	s := search{verification: v, chain: c, final: final, once: depth == 0, choices: map[string][]alternative{}, chosen: map[string]in_toto.Metadata{}, hashes: map[string]hashes{}}
	for i, step := range c.layout.Steps {
		alternatives, err := v.alternatives(c, step, depth, final && i == len(c.layout.Steps)-1)
		if err != nil {
			return nil, err
		}
		s.choices[step.Name] = alternatives
	}
	return s.run()
}

// made says whether the image is among the products.
func (v *verification) made(one alternative) bool {
	for _, digests := range one.link.Products {
		if digests["sha256"] == v.about.Hex() {
			return true
		}
	}
	return false
}

// within says in which step a sublayout failed.
func within(step string, err error) error {
	return broken("step %s, by a layout of its own: %s", step, err)
}
