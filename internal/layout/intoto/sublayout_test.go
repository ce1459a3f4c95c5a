// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intoto_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/in-toto/in-toto-golang/in_toto"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/layout/intoto"
)

// nested is a chain whose step build is done by a layout of Bob's, under which Dave compiles.
type nested struct {
	*chain
	dave  person
	inner in_toto.Layout
}

func newNested(t testing.TB) *nested {
	t.Helper()
	n := &nested{chain: newChain(t), dave: people()["dave"]}
	n.layout.Steps[1].Threshold = 1
	n.inner = newLayout([]person{n.dave}, step("compile", 1, [][]string{{"ALLOW", "*"}}, [][]string{{"CREATE", "checkout"}, {"DISALLOW", "*"}}, n.dave))
	n.inner.Expires = "2026-12-31T00:00:00Z"
	n.links = []evidence.Signed{n.alice.attestation(t, "write", nil, source), n.dave.attestation(t, "compile", source, built)}
	return n
}

func TestSublayouts(t *testing.T) {
	for name, test := range map[string]struct {
		change func(testing.TB, *nested)
		want   string
	}{
		"a sublayout stands for its step": {change: func(testing.TB, *nested) {}},
		"an old link is not in the way of a sublayout": {change: func(t testing.TB, n *nested) {
			n.links = append(n.links, n.bob.attestation(t, "build", source, artifacts{"checkout": "another image"}))
		}},
		"an old link in the sublayout is not in the way": {change: func(t testing.TB, n *nested) {
			n.links = append(n.links, n.dave.attestation(t, "compile", source, artifacts{"checkout": "another image"}),
				n.dave.attestation(t, "compile", artifacts{"main.go": "package evil"}, built))
		}},
		"a sublayout that ended is not in the way": {change: func(t testing.TB, n *nested) {
			old := n.inner
			old.Expires = "2026-01-01T00:00:00Z"
			n.links = append(n.links, n.bob.sublayout(t, old))
		}},
		"one that ends earlier is not what counts": {change: func(t testing.TB, n *nested) {
			old := n.inner
			old.Expires = "2026-11-30T00:00:00Z"
			n.links = append(n.links, n.bob.sublayout(t, old))
		}},
		"the same sublayout twice": {change: func(t testing.TB, n *nested) { n.links = append(n.links, n.bob.sublayout(t, n.inner)) }},
		"a link in one's own way and one by another, which agree": {change: func(t testing.TB, n *nested) {
			n.layout.Steps[1].Threshold = 2
			n.links = append(n.links, n.carol.attestation(t, "build", source, built))
		}},
		"its materials must be those of the step": {change: func(t testing.TB, n *nested) {
			n.links[1] = n.dave.attestation(t, "compile", artifacts{"main.go": "package evil"}, built)
		}, want: "step build: its materials break the rule DISALLOW *"},
		"its products must be those of the step": {change: func(t testing.TB, n *nested) {
			n.inner.Steps[0].ExpectedProducts = nil
			n.links[1] = n.dave.attestation(t, "compile", source, artifacts{"checkout": "the image", "evil.sh": "x"})
		}, want: "step build: its products break the rule DISALLOW *"},
		"its own rules hold": {change: func(_ testing.TB, n *nested) {
			n.inner.Steps[0].ExpectedMaterials = [][]string{{"DISALLOW", "go.mod"}}
		}, want: "step build, by a layout of its own: step compile: its materials break the rule DISALLOW go.mod"},
		"its functionaries must have signed": {change: func(t testing.TB, n *nested) {
			n.links[1] = n.stranger.attestation(t, "compile", source, built)
		}, want: "step build, by a layout of its own: step compile wants links by 1 of its functionaries, and the image has them by 0"},
		"it expires": {change: func(_ testing.TB, n *nested) { n.now = time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC) },
			want: "step build, by a layout of its own: the layout expired at 2026-12-31T00:00:00Z"},
		"it has inspections": {change: func(_ testing.TB, n *nested) { n.inner.Inspect = []in_toto.Inspection{{Type: "inspection"}} },
			want: "step build, by a layout of its own: the layout has inspections"},
		"a functionary with two steps could mean either": {change: func(_ testing.TB, n *nested) {
			n.layout.Steps[0].PubKeys = append(n.layout.Steps[0].PubKeys, n.bob.public.KeyID)
		}, want: "step build wants links by 1 of its functionaries, and the image has them by 0"},
		"with a link of one of them he means the other": {change: func(t testing.TB, n *nested) {
			n.layout.Steps[0].PubKeys = append(n.layout.Steps[0].PubKeys, n.bob.public.KeyID)
			n.links = append(n.links, n.bob.attestation(t, "write", nil, source))
		}},
		"of two sublayouts by one functionary either may stand": {change: func(t testing.TB, n *nested) {
			other := newLayout([]person{n.stranger}, step("compile", 1, nil, nil, n.stranger))
			n.links = append(n.links, n.bob.sublayout(t, other))
		}},
		"of two sublayouts neither may": {change: func(t testing.TB, n *nested) {
			other := n.inner
			other.Readme = "another"
			n.links[1] = n.dave.attestation(t, "compile", artifacts{"main.go": "package evil"}, built)
			n.links = append(n.links, n.bob.sublayout(t, other))
		}, want: "step build: its materials break the rule DISALLOW *"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNested(t)
			test.change(t, n)
			n.links = append(n.links, n.bob.sublayout(t, n.inner))
			got := n.verify(t)
			if got.Passed != (test.want == "") || !strings.Contains(got.Message, test.want) {
				t.Errorf("got %+v, want %q", got, test.want)
			}
			if want := time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC); got.Passed && got.Expires != want {
				t.Errorf("it ends at %s, want %s, when the first of the layouts does", got.Expires, want)
			}
		})
	}
}

func TestASublayoutByAStrangerIsNone(t *testing.T) {
	n := newNested(t)
	n.links = append(n.links, n.stranger.sublayout(t, n.inner))
	if got := n.verify(t); got.Passed || !strings.Contains(got.Message, "step build wants links by 1 of its functionaries, and the image has them by 0") {
		t.Errorf("got %+v", got)
	}
}

// TestSublayoutsInEachOtherEnd: two functionaries each hand on to the other.
func TestSublayoutsInEachOtherEnd(t *testing.T) {
	n := newNested(t)
	n.layout.Steps[1].PubKeys = []string{n.bob.public.KeyID}
	toCarol := newLayout([]person{n.carol}, step("x", 1, nil, nil, n.carol))
	toBob := newLayout([]person{n.bob}, step("y", 1, nil, nil, n.bob))
	n.links = append(n.links, n.bob.sublayout(t, toCarol), n.carol.sublayout(t, toBob))
	if got := n.verify(t); got.Passed || !strings.Contains(got.Message, "want sublayouts to stand in each other at most 4 deep") {
		t.Errorf("got %+v", got)
	}
}

// TestALayoutIsNoSublayoutOfItself: otherwise it would never end.
func TestALayoutIsNoSublayoutOfItself(t *testing.T) {
	n := newNested(t)
	n.links = append(n.links, n.bob.sublayout(t, n.layout))
	if got := n.verify(t); got.Passed || !strings.Contains(got.Message, "step build wants links by 1 of its functionaries, and the image has them by 0") {
		t.Errorf("got %+v", got)
	}
}

func TestFunctionariesOfSublayoutsAreLookedForOnceTheSublayoutIsFound(t *testing.T) {
	n := newNested(t)
	document := layout.Layout{Document: n.sign(t, n.layout), Owners: n.owners}
	names := []string{n.alice.key.Fingerprint, n.bob.key.Fingerprint, n.carol.key.Fingerprint}
	for name, test := range map[string]struct {
		links []evidence.Signed
		want  []string
	}{
		"before":           {nil, names},
		"after":            {[]evidence.Signed{n.bob.sublayout(t, n.inner)}, append(slices.Clone(names), n.dave.key.Fingerprint)},
		"not a stranger's": {[]evidence.Signed{n.stranger.sublayout(t, n.inner)}, names},
		"one in another": {[]evidence.Signed{n.dave.sublayout(t, newLayout([]person{n.stranger}, step("x", 1, nil, nil, n.stranger))), n.bob.sublayout(t, n.inner)},
			append(slices.Clone(names), n.dave.key.Fingerprint, n.stranger.key.Fingerprint)},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := intoto.Verifier{}.Functionaries(document, test.links)
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(test.want)
			if diff := cmp.Diff(test.want, fingerprints(keys)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFunctionariesAreBounded(t *testing.T) {
	n := newNested(t)
	var links []evidence.Signed
	for range 3 {
		inner := newLayout(nil, n.inner.Steps...)
		inner.Keys[n.dave.public.KeyID] = n.dave.public
		for range 50 {
			one := newPerson("ed25519")
			inner.Keys[one.public.KeyID] = one.public
		}
		links = append(links, n.bob.sublayout(t, inner))
	}
	keys, err := intoto.Verifier{}.Functionaries(layout.Layout{Document: n.sign(t, n.layout), Owners: n.owners}, links)
	if want := 3 + 2*51 - 1; err != nil || len(keys) != want {
		t.Errorf("got %d keys, want %d, as many as fit: %v", len(keys), want, err)
	}
}
