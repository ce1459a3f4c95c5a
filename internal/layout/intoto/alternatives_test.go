// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intoto_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/in-toto/in-toto-golang/in_toto"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// oldSource and oldBuilt are what a link of an earlier image speaks of.
var (
	oldSource = artifacts{"main.go": "package old", "go.mod": "module shop"}
	oldBuilt  = artifacts{"checkout": "an old image"}
)

// TestOldLinks attaches links of other images, as whoever may push can.
func TestOldLinks(t *testing.T) {
	for name, test := range map[string]struct {
		change func(testing.TB, *chain)
		want   string
	}{
		"of the last step": {change: func(t testing.TB, c *chain) {
			c.links = append(c.links, c.carol.attestation(t, "build", oldSource, oldBuilt))
		}},
		"of the first step": {change: func(t testing.TB, c *chain) {
			c.links = append(c.links, c.alice.attestation(t, "write", nil, oldSource))
		}},
		"of a whole image, before its own": {change: func(t testing.TB, c *chain) {
			c.links = append([]evidence.Signed{c.alice.attestation(t, "write", nil, oldSource),
				c.bob.attestation(t, "build", oldSource, oldBuilt), c.carol.attestation(t, "build", oldSource, oldBuilt)}, c.links...)
		}},
		"of this image, built from something else": {change: func(t testing.TB, c *chain) {
			c.links = append([]evidence.Signed{c.bob.attestation(t, "build", oldSource, built), c.carol.attestation(t, "build", oldSource, built)}, c.links...)
		}},
		"by a functionary beyond the threshold": {change: func(t testing.TB, c *chain) {
			c.layout.Steps[1].Threshold = 1
			c.links[2] = c.carol.attestation(t, "build", oldSource, oldBuilt)
		}},
		"make up for no link of this image": {change: func(t testing.TB, c *chain) {
			c.links[1], c.links[2] = c.bob.attestation(t, "build", oldSource, oldBuilt), c.carol.attestation(t, "build", oldSource, oldBuilt)
			c.links = append(c.links, c.alice.attestation(t, "write", nil, oldSource))
		}, want: "step build: its materials break the rule DISALLOW *"},
		"make up for no functionary": {change: func(t testing.TB, c *chain) {
			c.links[2] = c.carol.attestation(t, "build", source, oldBuilt)
			c.links = append(c.links, c.carol.attestation(t, "build", oldSource, built))
		}, want: "step build: its functionaries disagree on the materials or products"},
		"are not mixed in one step": {change: func(t testing.TB, c *chain) {
			mixed := artifacts{"main.go": "package main", "go.mod": "module old"}
			c.links = []evidence.Signed{c.links[0], c.alice.attestation(t, "write", nil, artifacts{"main.go": "package old", "go.mod": "module old"}),
				c.bob.attestation(t, "build", mixed, built), c.carol.attestation(t, "build", mixed, built)}
		}, want: "step build: its materials break the rule DISALLOW *"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChain(t)
			test.change(t, c)
			if got := c.verify(t); got.Passed != (test.want == "") || !strings.Contains(got.Message, test.want) {
				t.Errorf("got %+v, want %q", got, test.want)
			}
		})
	}
}

// TestMoreLinksNeverFailWhatPassed adds any of what the functionaries signed for other images, in any order.
func TestMoreLinksNeverFailWhatPassed(t *testing.T) {
	n := newNested(t)
	n.links = append(n.links, n.bob.sublayout(t, n.inner))
	ended, other := n.inner, newLayout([]person{n.alice}, step("compile", 1, nil, nil, n.alice))
	ended.Expires = "2026-01-01T00:00:00Z"
	old := []evidence.Signed{
		n.alice.attestation(t, "write", nil, oldSource), n.alice.attestation(t, "write", source, nil), n.alice.attestation(t, "build", source, built),
		n.bob.attestation(t, "build", oldSource, oldBuilt), n.bob.attestation(t, "build", oldSource, built), n.bob.attestation(t, "write", nil, source),
		n.carol.attestation(t, "build", source, oldBuilt), n.dave.attestation(t, "compile", oldSource, oldBuilt), n.dave.attestation(t, "compile", oldSource, built),
		n.bob.sublayout(t, ended), n.bob.sublayout(t, other), n.carol.sublayout(t, ended), n.carol.sublayout(t, other), n.alice.sublayout(t, n.layout),
		n.dave.sublayout(t, n.inner), n.bob.sublayout(t, n.layout),
	}
	ends := time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	for round := range uint64(300) {
		g := rand.New(rand.NewPCG(round, 0))
		chain := *n.chain
		chain.links = slices.Clone(n.links)
		for _, link := range old {
			if g.IntN(2) == 0 {
				chain.links = append(chain.links, link)
			}
		}
		g.Shuffle(len(chain.links), func(i, j int) { chain.links[i], chain.links[j] = chain.links[j], chain.links[i] })
		if got := chain.verify(t); !got.Passed || got.Expires.Before(ends) {
			t.Fatalf("in round %d: %+v", round, got)
		}
	}
}

// TestManyOldLinks: those of one step do not multiply with those of the others, where rules tie the steps.
func TestManyOldLinks(t *testing.T) {
	c := newChain(t)
	c.layout.Steps[1].Threshold = 1
	test := step("test", 1, [][]string{{"MATCH", "checkout", "WITH", "PRODUCTS", "FROM", "build"}, {"DISALLOW", "*"}}, [][]string{{"ALLOW", "*"}}, c.carol)
	c.layout.Steps = append(c.layout.Steps, test)
	var old []evidence.Signed
	for i := range 200 {
		source, built := artifacts{"main.go": fmt.Sprint(i), "go.mod": "module shop"}, artifacts{"checkout": fmt.Sprint("image ", i)}
		old = append(old, c.alice.attestation(t, "write", nil, source), c.bob.attestation(t, "build", source, built), c.carol.attestation(t, "test", built, built))
	}
	c.links = slices.Concat(old, c.links, []evidence.Signed{c.carol.attestation(t, "test", built, built)})
	if got := c.verify(t); !got.Passed {
		t.Errorf("got %+v", got)
	}
	c.links[len(c.links)-1] = c.carol.attestation(t, "test", oldBuilt, built)
	if got := c.verify(t); got.Passed || got.Message != "step test: its materials break the rule DISALLOW *" {
		t.Errorf("got %+v", got)
	}
}

// TestAStepBesideTheChain is tied to the last step, which makes the image, so that a test of another image is none of this one.
func TestAStepBesideTheChain(t *testing.T) {
	c := newChain(t)
	test := step("test", 1, [][]string{{"MATCH", "checkout", "WITH", "PRODUCTS", "FROM", "build"}, {"DISALLOW", "*"}}, nil, c.alice)
	c.layout.Steps = slices.Insert(c.layout.Steps, 1, test)
	c.links = append(c.links, c.alice.attestation(t, "test", oldBuilt, nil))
	if got := c.verify(t); got.Passed || got.Message != "step test: its materials break the rule DISALLOW *" {
		t.Errorf("got %+v", got)
	}
	c.links = append(c.links, c.alice.attestation(t, "test", built, nil))
	if got := c.verify(t); !got.Passed {
		t.Errorf("got %+v", got)
	}
}

// TestTriesAreBounded has many links of steps that rules tie so loosely that each goes with all the others.
func TestTriesAreBounded(t *testing.T) {
	c := newChain(t)
	loose := [][]string{{"MATCH", "x", "WITH", "PRODUCTS", "FROM", "build"}, {"ALLOW", "*"}}
	c.layout.Steps = append(c.layout.Steps[1:], step("ship", 1, loose, nil, c.carol))
	c.layout.Steps[0] = step("build", 1, [][]string{{"MATCH", "x", "WITH", "PRODUCTS", "FROM", "write"}}, nil, c.bob)
	c.layout.Steps = append([]in_toto.Step{step("write", 1, nil, [][]string{{"REQUIRE", "never"}}, c.alice)}, c.layout.Steps...)
	c.links = []evidence.Signed{c.carol.attestation(t, "ship", nil, built)}
	for i := range 200 {
		one := artifacts{"y": fmt.Sprint(i)}
		c.links = append(c.links, c.alice.attestation(t, "write", nil, one), c.bob.attestation(t, "build", one, one))
	}
	if got := c.verify(t); got.Passed || got.Message != "step write: its products break the rule REQUIRE never" {
		t.Errorf("got %+v", got)
	}
}

// TestStepsMustBeTied: a step that no rule ties to the others would be met by an old link of another image.
func TestStepsMustBeTied(t *testing.T) {
	match := func(kind, from string) [][]string {
		return [][]string{{"match", "*", "WITH", kind, "FROM", from}, {"DISALLOW", "*"}}
	}
	none := [][]string{{"ALLOW", "*"}}
	c := newChain(t)
	at := func(name string, materials, products [][]string) in_toto.Step {
		return step(name, 1, materials, products, c.alice)
	}
	for name, test := range map[string]struct {
		steps []in_toto.Step
		loose string // the step that is named
	}{
		"one step":                        {[]in_toto.Step{at("build", none, none)}, ""},
		"each to the one before it":       {[]in_toto.Step{at("a", none, none), at("b", match("PRODUCTS", "a"), none), at("c", match("PRODUCTS", "b"), none)}, ""},
		"the last to all":                 {[]in_toto.Step{at("a", none, none), at("b", none, none), at("c", match("PRODUCTS", "a"), match("MATERIALS", "b"))}, ""},
		"all to the last":                 {[]in_toto.Step{at("a", none, match("MATERIALS", "c")), at("b", match("MATERIALS", "c"), none), at("c", none, none)}, ""},
		"with a prefix":                   {[]in_toto.Step{at("a", none, none), at("b", [][]string{{"MATCH", "*", "IN", "src", "WITH", "PRODUCTS", "IN", "out", "FROM", "a"}}, none)}, ""},
		"a scan of what was built":        {[]in_toto.Step{at("a", none, none), at("scan", match("PRODUCTS", "a"), none), at("c", match("PRODUCTS", "a"), none)}, ""},
		"none":                            {[]in_toto.Step{at("a", none, none), at("b", none, none)}, "a"},
		"one of three":                    {[]in_toto.Step{at("a", none, none), at("scan", none, none), at("c", match("PRODUCTS", "a"), none)}, "scan"},
		"to itself":                       {[]in_toto.Step{at("a", none, match("MATERIALS", "a")), at("b", none, none)}, "a"},
		"to a step that is not there":     {[]in_toto.Step{at("a", none, match("MATERIALS", "x")), at("b", match("PRODUCTS", "x"), none)}, "a"},
		"two to each other, none to last": {[]in_toto.Step{at("a", none, none), at("b", match("PRODUCTS", "a"), none), at("c", none, none)}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChain(t)
			c.layout.Steps, c.links = test.steps, nil
			got := c.verify(t)
			refused := got.Reason == v1alpha1.ReasonInvalidLayout
			if want := fmt.Sprintf("no rule ties step %q to the last step", test.loose); refused != (test.loose != "") || refused && !strings.HasPrefix(got.Message, want) {
				t.Errorf("got %+v", got)
			}
			if refused && (!strings.HasSuffix(got.Message, "or have another step MATCH FROM it") || len(got.Message) > 256) {
				t.Errorf("it does not say what to do: %s", got.Message)
			}
		})
	}
}
