// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intoto

import (
	"crypto/x509"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/in-toto/in-toto-golang/in_toto"

	"github.com/assay-dev/assay/internal/image"
)

const (
	// maxDepth of sublayouts in each other, and maxLayouts that are verified in all.
	maxDepth   = 4
	maxLayouts = 32
	// maxComparisons of patterns with names of artifacts.
	maxComparisons = 4_000_000
)

// verification is that of one image against a layout and its sublayouts.
type verification struct {
	statements []statement
	now        time.Time
	// expires is when the first of the layouts ends.
	expires     time.Time
	layouts     int
	comparisons int
}

// verify verifies a layout in the order of the specification and returns the link that sums it up. depth is how many layouts it stands in.
func (v *verification) verify(c *chain, depth int) (in_toto.Link, error) {
	if v.layouts++; v.layouts > maxLayouts || depth > maxDepth {
		return in_toto.Link{}, broken("want sublayouts to stand in each other at most %d deep, and to be at most %d", maxDepth, maxLayouts)
	}
	if c.expires.Before(v.expires) {
		v.expires = c.expires
	}
	if !v.now.Before(c.expires) {
		return in_toto.Link{}, invalid("the layout expired at %s; have its owners sign a new one", c.layout.Expires)
	}
	links := map[string]in_toto.Metadata{}
	for _, step := range c.layout.Steps {
		one, err := v.verifyStep(c, step, depth)
		if err != nil {
			return in_toto.Link{}, err
		}
		links[step.Name] = one
	}
	if err := v.verifyRules(c.layout.Steps, links); err != nil {
		return in_toto.Link{}, err
	}
	summary, err := in_toto.GetSummaryLink(c.layout, links, "", false)
	if err != nil {
		return in_toto.Link{}, invalid("the layout cannot be summed up: %s", err)
	}
	return summary.GetPayload().(in_toto.Link), nil
}

// verifyStep returns the one link on which all functionaries of a step agree.
func (v *verification) verifyStep(c *chain, step in_toto.Step, depth int) (in_toto.Metadata, error) {
	offered, err := v.offers(c, step)
	if err != nil {
		return nil, err
	}
	only := in_toto.Layout{Steps: []in_toto.Step{step}, Keys: c.layout.Keys}
	none := x509.NewCertPool()
	authorised, err := in_toto.VerifyLinkSignatureThesholds(only, map[string]map[string]in_toto.Metadata{step.Name: offered}, none, none)
	if err != nil {
		if err := v.refusedFor(step); err != nil {
			return nil, err
		}
		return nil, broken("step %s wants links by %d of its functionaries, and the image has them by %d; have the step recorded and attested by whom it names",
			step.Name, step.Threshold, len(offered))
	}
	for signer, metadata := range authorised[step.Name] {
		sublayout, is := metadata.GetPayload().(*chain)
		if !is {
			continue
		}
		summary, err := v.verify(sublayout, depth+1)
		if err != nil {
			return nil, within(step.Name, err)
		}
		authorised[step.Name][signer] = attested{signer, summary}
	}
	reduced, err := in_toto.ReduceStepsMetadata(only, authorised)
	if err != nil {
		return nil, broken("step %s: its functionaries disagree on the materials or products; they must have worked on the same", step.Name)
	}
	return reduced[step.Name], nil
}

// refusedFor says why a layout that a functionary signed in place of a link of the step does not count, if there is one.
func (v *verification) refusedFor(step in_toto.Step) error {
	for _, s := range v.statements {
		if s.refused != nil && slices.Contains(step.PubKeys, s.signer) {
			return within(step.Name, s.refused)
		}
	}
	return nil
}

// offers returns what the functionaries of a step say of it, by fingerprint: their links, and a sublayout by one who has none.
func (v *verification) offers(c *chain, step in_toto.Step) (map[string]in_toto.Metadata, error) {
	offered := map[string]in_toto.Metadata{}
	for _, functionary := range step.PubKeys {
		for _, s := range v.statements {
			if s.signer != functionary || s.link.Name != step.Name {
				continue
			}
			if other, has := offered[functionary]; has && !agree(other, s.link) {
				return nil, broken("step %s: the functionary with the key %.12s attested links that disagree; remove those that are wrong", step.Name, functionary)
			}
			offered[functionary] = attested{functionary, s.link}
		}
		if _, has := offered[functionary]; !has {
			if sublayout := v.sublayoutOf(c, functionary); sublayout != nil {
				offered[functionary] = attested{functionary, sublayout}
			}
		}
	}
	return offered, nil
}

func agree(metadata in_toto.Metadata, link in_toto.Link) bool {
	other, _ := metadata.GetPayload().(in_toto.Link)
	return reflect.DeepEqual(other, link)
}

// sublayoutOf returns the layout that a functionary signed in place of a link. A layout has no name of a step in it, and among attestations
// there are no names of files that tell. So it counts only where there is nothing to choose: the functionary has one step of
// this layout without a link, and signed one layout that is not this very one.
func (v *verification) sublayoutOf(c *chain, functionary string) *chain {
	without := 0
	for _, step := range c.layout.Steps {
		hasLink := func(s statement) bool {
			return s.signer == functionary && s.link.Name == step.Name
		}
		if slices.Contains(step.PubKeys, functionary) && !slices.ContainsFunc(v.statements, hasLink) {
			without++
		}
	}
	var found *chain
	for _, s := range v.statements {
		if s.signer != functionary || s.sublayout == nil || reflect.DeepEqual(s.sublayout, c) {
			continue
		}
		if found != nil && !reflect.DeepEqual(found, s.sublayout) {
			return nil
		}
		found = s.sublayout
	}
	if without != 1 {
		return nil
	}
	return found
}

// verifyRules applies the rules of every step to its link.
func (v *verification) verifyRules(steps []in_toto.Step, links map[string]in_toto.Metadata) error {
	for _, step := range steps {
		link, _ := links[step.Name].GetPayload().(in_toto.Link)
		v.comparisons += len(step.ExpectedMaterials)*len(link.Materials) + len(step.ExpectedProducts)*len(link.Products)
		if v.comparisons > maxComparisons {
			return broken("step %s: there are too many artifacts for so many rules", step.Name)
		}
		materials, products := step, step
		materials.ExpectedProducts, products.ExpectedMaterials = nil, nil
		if in_toto.VerifyArtifacts([]any{materials}, links) != nil {
			rule := firstBroken(len(materials.ExpectedMaterials), func(n int) error {
				materials.ExpectedMaterials = step.ExpectedMaterials[:n]
				return in_toto.VerifyArtifacts([]any{materials}, links)
			})
			return broken("step %s: its materials break the rule %s", step.Name, strings.Join(step.ExpectedMaterials[rule], " "))
		}
		if in_toto.VerifyArtifacts([]any{products}, links) != nil {
			rule := firstBroken(len(products.ExpectedProducts), func(n int) error {
				products.ExpectedProducts = step.ExpectedProducts[:n]
				return in_toto.VerifyArtifacts([]any{products}, links)
			})
			return broken("step %s: its products break the rule %s", step.Name, strings.Join(step.ExpectedProducts[rule], " "))
		}
	}
	return nil
}

// firstBroken returns the index of the first rule that is broken. Rules are applied one after another, so as many as it takes are broken
// together with all that follow.
func firstBroken(rules int, apply func(n int) error) int {
	return sort.Search(rules-1, func(i int) bool { return apply(i+1) != nil })
}

// madeImage says whether the last step made the image.
func madeImage(c *chain, summary in_toto.Link, about image.Digest) error {
	for _, digests := range summary.Products {
		if digests["sha256"] == about.Hex() {
			return nil
		}
	}
	return broken("step %s, the last one, did not make this image: none of its products has the digest %s",
		c.layout.Steps[len(c.layout.Steps)-1].Name, about)
}

// within says in which step a sublayout failed.
func within(step string, err error) error {
	return broken("step %s, by a layout of its own: %s", step, err)
}
