// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package gather_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/signature"
	signaturefake "github.com/assay-dev/assay/internal/signature/fake"
)

// chain is a verifier of one layout by its first functionary, in whose link each further one is named by the one before: a sublayout in a
// sublayout. The image passes when the last of them signed a link.
type chain struct {
	functionaries []signature.Key
	err           error
}

func (c chain) Functionaries(_ layout.Layout, links []evidence.Signed) ([]signature.Key, error) {
	known := 1
	for known < len(c.functionaries) && signedBy(links, c.functionaries[known-1]) {
		known++
	}
	return c.functionaries[:known], c.err
}

func (c chain) Verify(_ layout.Layout, links []evidence.Signed, _ image.Digest, now time.Time) evidence.LayoutResult {
	if now.After(expires) {
		return evidence.LayoutResult{Reason: v1alpha1.ReasonInvalidLayout, Message: "the layout has expired"}
	}
	for _, key := range c.functionaries {
		if !signedBy(links, key) {
			return evidence.LayoutResult{Reason: v1alpha1.ReasonLayoutBroken, Message: "nobody took a step"}
		}
	}
	return evidence.LayoutResult{Passed: true, Expires: expires}
}

var expires = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)

func signedBy(links []evidence.Signed, key signature.Key) bool {
	return slices.ContainsFunc(links, func(s evidence.Signed) bool { return s.Signer.Key == key.Fingerprint && s.Statement != nil })
}

// newSteps is an image that must be made under a layout of so many functionaries, of whom the first signed signed links.
func newSteps(t *testing.T, functionaries, signed int) (*book, layout.Layout, []signature.Anchor) {
	t.Helper()
	b := newBook(t)
	b.request.Anchors = nil
	var c chain
	var anchors []signature.Anchor
	for i := range functionaries {
		key := signaturefake.NewSigner(string(rune('a' + i))).Key()
		c.functionaries = append(c.functionaries, key)
		anchors = append(anchors, signature.Anchor{Key: &key})
	}
	for _, anchor := range anchors[:signed] {
		b.attest(anchor, layout.LinkV03, `{"name":"step"}`)
	}
	b.Layouts = c
	l := layout.Layout{Document: []byte("layout"), Owners: c.functionaries[:1]}
	b.request.Layouts = []layout.Layout{l}
	return b, l, anchors
}

func TestLinksAreLookedForByFunctionaries(t *testing.T) {
	for name, test := range map[string]struct {
		functionaries, signed, searches int
		passed                          bool
	}{
		"the one who signed":                   {1, 1, 1, true},
		"the one who did not":                  {1, 0, 1, false},
		"one whom a sublayout names":           {2, 2, 2, true},
		"one whom a sublayout names, in vain":  {2, 1, 2, false},
		"one whom a sublayout in one names":    {3, 3, 3, true},
		"as deep as is looked":                 {6, 6, 6, true},
		"deeper than is looked":                {7, 7, 6, false},
		"nobody reads what a stranger is told": {3, 0, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			b, l, _ := newSteps(t, test.functionaries, test.signed)
			collected := b.gather()
			b.searches(test.searches)
			if diff := cmp.Diff(layout.Types(), b.finder.Calls()[0].Links); diff != "" {
				t.Errorf("links (-want +got):\n%s", diff)
			}
			wanted := gather.Wanted{Layouts: []layout.Layout{l}, Now: expires.Add(-time.Hour)}
			for again, evidence := range map[string]evidence.Evidence{"found": collected, "kept": b.gather()} {
				if got := b.Stated(t.Context(), evidence, wanted).Layouts[l.ID()]; got.Value.Passed != test.passed {
					t.Errorf("%s: got %+v", again, got)
				}
			}
		})
	}
}

func TestAnImageUnderALayout(t *testing.T) {
	gone := evidence.Unchecked[string](v1alpha1.ReasonRegistryUnavailable, "gone")
	known := func(r evidence.LayoutResult) evidence.Fact[evidence.LayoutResult] { return evidence.Checked(r) }
	broken := evidence.LayoutResult{Reason: v1alpha1.ReasonLayoutBroken, Message: "nobody took a step"}
	for name, test := range map[string]struct {
		signed int
		rest   evidence.Fact[string] // of the second functionary
		now    time.Time
		want   evidence.Fact[evidence.LayoutResult]
	}{
		"all steps were taken":                        {2, evidence.Checked(""), expires, known(evidence.LayoutResult{Passed: true, Expires: expires})},
		"all were, and the registry fails meanwhile":  {2, gone, expires, known(evidence.LayoutResult{Passed: true, Expires: expires})},
		"a step is missing":                           {1, evidence.Checked(""), expires, known(broken)},
		"a step is missing, or could not be found":    {1, gone, expires, evidence.Unchecked[evidence.LayoutResult](v1alpha1.ReasonRegistryUnavailable, "gone")},
		"a step is missing, or was not looked for":    {1, evidence.Fact[string]{}, expires, evidence.Fact[evidence.LayoutResult]{}},
		"the layout has expired":                      {2, evidence.Checked(""), expires.Add(1), known(evidence.LayoutResult{Reason: v1alpha1.ReasonInvalidLayout, Message: "the layout has expired"})},
		"the layout has expired, whatever is missing": {1, gone, expires.Add(1), known(evidence.LayoutResult{Reason: v1alpha1.ReasonInvalidLayout, Message: "the layout has expired"})},
	} {
		t.Run(name, func(t *testing.T) {
			b, l, anchors := newSteps(t, 2, test.signed)
			collected := b.gather()
			second := collected.Signed[anchors[1].ID()]
			second.Rest = test.rest
			collected.Signed[anchors[1].ID()] = second
			got := b.Stated(t.Context(), collected, gather.Wanted{Layouts: []layout.Layout{l}, Now: test.now})
			if diff := cmp.Diff(map[string]evidence.Fact[evidence.LayoutResult]{l.ID(): test.want}, got.Layouts); diff != "" {
				t.Errorf("layouts (-want +got):\n%s", diff)
			}
			if collected.Layouts != nil {
				t.Error("what was collected is changed")
			}
		})
	}
}

// TestALayoutThatNobodyCanUseAsksNobody and leaves it to its verifier to say why.
func TestALayoutThatNobodyCanUseAsksNobody(t *testing.T) {
	b, l, _ := newSteps(t, 1, 0)
	b.Layouts = chain{functionaries: b.Layouts.(chain).functionaries, err: errors.New("malformed")}
	collected := b.gather()
	b.searches(0)
	if got := b.Stated(t.Context(), collected, gather.Wanted{Layouts: []layout.Layout{l}, Now: expires}).Layouts[l.ID()]; got.State != evidence.Known || got.Value.Passed {
		t.Errorf("got %+v", got)
	}
}

// TestWhoIsAFunctionaryIsAnAuthorityToo where a policy has both.
func TestWhoIsAFunctionaryIsAnAuthorityToo(t *testing.T) {
	b, l, anchors := newSteps(t, 2, 2)
	b.sign(anchors[0])
	b.request.Anchors = anchors[:1]
	collected := b.gather()
	if got := types(collected, anchors[0]); len(got) != 2 {
		t.Errorf("got %v", got)
	}
	for _, call := range b.finder.Calls() {
		seen := map[string]bool{}
		for _, anchor := range call.Anchors {
			if seen[anchor.ID()] {
				t.Error("one anchor is asked for twice")
			}
			seen[anchor.ID()] = true
		}
	}
	if !b.Stated(t.Context(), collected, gather.Wanted{Layouts: []layout.Layout{l}, Now: expires}).Layouts[l.ID()].Value.Passed {
		t.Error("the layout was followed")
	}
}
