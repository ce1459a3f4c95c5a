// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intoto

import (
	"crypto/x509"
	"reflect"
	"slices"
	"time"

	"github.com/in-toto/in-toto-golang/in_toto"
)

// agreement is what some functionaries of a step say alike, by fingerprint, each with the last end of the layouts behind it.
type agreement struct {
	hashes  hashes
	says    map[string]in_toto.Metadata
	expires map[string]time.Time
}

// alternatives returns what as many functionaries of a step agree on as its threshold says, the last to end first. To one that makes
// the image, if that is the step's to make, one of another image is none.
func (v *verification) alternatives(c *chain, step in_toto.Step, depth int, final bool) ([]alternative, error) {
	var agreements []agreement
	known := map[hashes]int{}
	functionaries := 0
	var failed error
	for _, functionary := range step.PubKeys {
		offers, err := v.offers(c, step, functionary, depth, final)
		if failed == nil {
			failed = err
		}
		if len(offers) > 0 {
			functionaries++
		}
		for _, offer := range offers {
			i, is := known[offer.hashes]
			if !is {
				i = len(agreements)
				known[offer.hashes] = i
				agreements = append(agreements, agreement{offer.hashes, map[string]in_toto.Metadata{}, map[string]time.Time{}})
			}
			agreements[i].says[functionary] = attested{functionary, offer.link}
			if offer.expires.After(agreements[i].expires[functionary]) {
				agreements[i].expires[functionary] = offer.expires
			}
		}
	}
	var list []alternative
	for _, one := range agreements {
		if link, is := one.link(c, step); is {
			list = append(list, alternative{link, one.hashes, one.until(step.Threshold)})
		}
	}
	if len(list) == 0 {
		return nil, v.whyNone(step, functionaries, failed)
	}
	slices.SortStableFunc(list, func(a, b alternative) int { return b.expires.Compare(a.expires) })
	if final && slices.ContainsFunc(list, v.made) {
		list = slices.DeleteFunc(list, func(a alternative) bool { return !v.made(a) })
	}
	return list, nil
}

// link returns the one link of a step for those who agree, if they are enough.
func (a agreement) link(c *chain, step in_toto.Step) (in_toto.Link, bool) {
	only := in_toto.Layout{Steps: []in_toto.Step{step}, Keys: c.layout.Keys}
	none := x509.NewCertPool()
	authorised, err := in_toto.VerifyLinkSignatureThesholds(only, map[string]map[string]in_toto.Metadata{step.Name: a.says}, none, none)
	if err != nil {
		return in_toto.Link{}, false
	}
	reduced, err := in_toto.ReduceStepsMetadata(only, authorised)
	if err != nil {
		return in_toto.Link{}, false
	}
	link, is := reduced[step.Name].GetPayload().(in_toto.Link)
	return link, is
}

// until returns when the first of the layouts ends behind as many as are needed, of those that end last.
func (a agreement) until(threshold int) time.Time {
	ends := make([]time.Time, 0, len(a.expires))
	for _, end := range a.expires {
		ends = append(ends, end)
	}
	slices.SortFunc(ends, func(a, b time.Time) int { return b.Compare(a) })
	return ends[threshold-1]
}

// whyNone says why a step has no link that enough functionaries agree on. failed is why a sublayout does not stand for it.
func (v *verification) whyNone(step in_toto.Step, functionaries int, failed error) error {
	if failed != nil {
		return within(step.Name, failed)
	}
	if functionaries >= step.Threshold {
		return broken("step %s: its functionaries disagree on the materials or products; they must have worked on the same", step.Name)
	}
	for _, s := range v.statements {
		if s.refused != nil && slices.Contains(step.PubKeys, s.signer) {
			return within(step.Name, s.refused)
		}
	}
	return broken("step %s wants links by %d of its functionaries, and the image has them by %d; have the step recorded and attested by whom it names",
		step.Name, step.Threshold, functionaries)
}

// offers returns what a functionary says of a step, by links and by sublayouts. The error says why one of the latter does not stand for the step.
func (v *verification) offers(c *chain, step in_toto.Step, functionary string, depth int, final bool) ([]alternative, error) {
	var offers []alternative
	for _, s := range v.statements {
		if s.signer == functionary && s.link.Name == step.Name {
			offers = append(offers, alternative{s.link, s.hashes, c.expires})
		}
	}
	var failed error
	for _, sublayout := range v.sublayoutsOf(c, step, functionary) {
		result := v.verifySublayout(place{sublayout, depth + 1, final})
		if failed == nil {
			failed = result.err
		}
		offers = append(offers, result.ways...)
	}
	return offers, failed
}

// sublayoutsOf returns the layouts that a functionary signed in place of a link of a step. A layout has no name of a step in it, and among
// attestations there are no names of files that tell. So they count only where there is nothing to choose: where the functionary has links of
// all other steps of theirs in this layout. It is none of itself.
func (v *verification) sublayoutsOf(c *chain, of in_toto.Step, functionary string) []*chain {
	for _, step := range c.layout.Steps {
		hasLink := func(s statement) bool {
			return s.signer == functionary && s.link.Name == step.Name
		}
		if step.Name != of.Name && slices.Contains(step.PubKeys, functionary) && !slices.ContainsFunc(v.statements, hasLink) {
			return nil
		}
	}
	var found []*chain
	for _, s := range v.statements {
		if s.signer == functionary && s.sublayout != nil && !reflect.DeepEqual(s.sublayout, c) {
			found = append(found, s.sublayout)
		}
	}
	return found
}
