// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intoto

import (
	"slices"
	"sort"
	"strings"

	"github.com/in-toto/in-toto-golang/in_toto"
)

// matched returns the names of the steps with whose artifacts the rules of a step compare its own, one for each such rule.
func matched(step in_toto.Step) []string {
	var names []string
	for _, rules := range [][][]string{step.ExpectedMaterials, step.ExpectedProducts} {
		for _, rule := range rules {
			if unpacked, err := in_toto.UnpackRule(rule); err == nil && unpacked["type"] == "match" {
				names = append(names, unpacked["dstName"])
			}
		}
	}
	return names
}

// tie puts the steps in the order in which each is tied by a MATCH to one before it, from the last, which the image ties. A step that is not tied
// to it would be met by links of any other image, which whoever may push could attach.
func (c *chain) tie() error {
	steps := c.layout.Steps
	matches := make([][]string, len(steps))
	for i, step := range steps {
		matches[i] = matched(step)
	}
	tied := func(a, b int) bool {
		return slices.Contains(matches[a], steps[b].Name) || slices.Contains(matches[b], steps[a].Name)
	}
	c.order = []int{len(steps) - 1}
	for n := 0; n < len(c.order); n++ {
		for i := len(steps) - 2; i >= 0; i-- {
			if !slices.Contains(c.order, i) && tied(i, c.order[n]) {
				c.order = append(c.order, i)
			}
		}
	}
	for i, step := range steps {
		if !slices.Contains(c.order, i) {
			return invalid("no rule ties step %.40q to the last step, so that an old link of another image would meet it; tie it: have it MATCH artifacts FROM another step, or have another step MATCH FROM it", step.Name)
		}
	}
	return nil
}

// due returns, for each step in order, the steps whose rules speak of no step that comes after it.
func (c *chain) due() [][]in_toto.Step {
	place := make(map[string]int, len(c.order))
	for nth, i := range c.order {
		place[c.layout.Steps[i].Name] = nth
	}
	due := make([][]in_toto.Step, len(c.order))
	for _, step := range c.layout.Steps {
		last := place[step.Name]
		for _, name := range matched(step) {
			last = max(last, place[name])
		}
		due[last] = append(due[last], step)
	}
	return due
}

// comparisons are as many as it takes to apply the rules of a step to its link.
func comparisons(step in_toto.Step, links map[string]in_toto.Metadata) int {
	link, _ := links[step.Name].GetPayload().(in_toto.Link)
	n := (1+len(step.ExpectedMaterials))*len(link.Materials) + (1+len(step.ExpectedProducts))*len(link.Products)
	for _, name := range matched(step) {
		if other, is := links[name]; is {
			link, _ := other.GetPayload().(in_toto.Link)
			n += max(len(link.Materials), len(link.Products))
		}
	}
	return n
}

// hold says whether the rules of the steps hold for their links, and adds what it took to the total.
func hold(steps []in_toto.Step, links map[string]in_toto.Metadata, total *int) bool {
	for _, step := range steps {
		n := comparisons(step, links)
		*total += n
		if n > maxComparisons || in_toto.VerifyArtifacts([]any{step}, links) != nil {
			return false
		}
	}
	return true
}

// verifyRules names the first rule that does not hold, as long as it takes not too many comparisons in total.
func verifyRules(steps []in_toto.Step, links map[string]in_toto.Metadata, total *int) error {
	for _, step := range steps {
		if *total += comparisons(step, links); *total > maxComparisons {
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
