// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intoto

import (
	"maps"
	"slices"
	"time"

	"github.com/in-toto/in-toto-golang/in_toto"
)

// search looks for a choice of one alternative for each step, by which the rules of all steps hold. It goes from the last step along the rules that tie the
// steps together, and judges the rules of a step as soon as the links that they speak of are chosen. So a link of another image is dropped at once, and
// where every step is tied to the one after it, many links of one step do not multiply with those of the others.
type search struct {
	*verification
	chain *chain
	// final says that the last step must have made the image, and once that one way is as good as all.
	final, once bool
	choices     map[string][]alternative
	chosen      map[string]in_toto.Metadata
	hashes      map[string]hashes // of what is chosen
	// furthest is the choice for most steps that held.
	furthest map[string]in_toto.Metadata
	due      [][]in_toto.Step
	found    []alternative
	known    map[hashes]int
}

// run returns the ways in which the steps were taken, or says why there is none.
func (s *search) run() ([]alternative, error) {
	s.known = map[hashes]int{}
	s.due = s.chain.due()
	s.choose(0, s.chain.expires)
	if len(s.found) == 0 {
		return nil, s.whyNone()
	}
	return s.found, nil
}

// choose chooses for the step that is nth in order, and for all after it. It returns whether the search is over.
func (s *search) choose(nth int, expires time.Time) bool {
	if nth > len(s.furthest) {
		s.furthest = maps.Clone(s.chosen)
	}
	if nth == len(s.chain.order) {
		return s.keep(expires)
	}
	step := s.chain.layout.Steps[s.chain.order[nth]]
	for _, choice := range s.choices[step.Name] {
		if s.tries++; s.tries > maxTries || s.searched > maxSearched {
			return true
		}
		s.chosen[step.Name], s.hashes[step.Name] = attested{payload: choice.link}, choice.hashes
		held := (nth > 0 || !s.final || s.made(choice)) && hold(s.due[nth], s.chosen, &s.searched)
		if held && s.choose(nth+1, earlier(expires, choice.expires)) {
			return true
		}
		delete(s.chosen, step.Name)
	}
	return false
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// keep keeps the link that sums up the choice. Of several ways with the same artifacts the one that ends last counts. It returns whether that is enough.
func (s *search) keep(expires time.Time) bool {
	summary, err := in_toto.GetSummaryLink(s.chain.layout, s.chosen, "", false)
	if err != nil {
		return false
	}
	link, _ := summary.GetPayload().(in_toto.Link)
	steps := s.chain.layout.Steps
	both := hashes{s.hashes[steps[0].Name].materials, s.hashes[steps[len(steps)-1].Name].products}
	i, is := s.known[both]
	if !is {
		s.known[both] = len(s.found)
		s.found = append(s.found, alternative{link, both, expires})
	} else if expires.After(s.found[i].expires) {
		s.found[i].expires = expires
	}
	return len(s.found) == maxWays || s.once && !expires.Before(s.chain.expires)
}

// whyNone judges the choice that came furthest, in the order of the specification.
func (s *search) whyNone() error {
	steps := s.chain.layout.Steps
	for _, step := range steps {
		if _, is := s.furthest[step.Name]; !is {
			s.chosen[step.Name] = attested{payload: s.choices[step.Name][0].link}
			continue
		}
		s.chosen[step.Name] = s.furthest[step.Name]
	}
	if err := verifyRules(steps, s.chosen, &s.explained); err != nil {
		return err
	}
	last := steps[len(steps)-1].Name
	if s.final && !slices.ContainsFunc(s.choices[last], s.made) {
		return broken("step %s, the last one, did not make this image: none of its products has the digest %s", last, s.about)
	}
	return broken("the image has too many links to try them all; remove those that nobody needs")
}
