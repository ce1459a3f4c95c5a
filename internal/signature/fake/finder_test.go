// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fake_test

import (
	"testing"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/fake"
)

func TestFinderAnswersWhatWasSet(t *testing.T) {
	const wanted = "https://slsa.dev/provenance/v1"
	key, digest := fake.NewSigner("ci").Key(), image.DigestOf([]byte("an image"))
	anchor, other := signature.Anchor{Key: &key}, signature.Anchor{Chain: []byte("ours")}
	var f fake.Finder
	f.Sign(digest, anchor, evidence.Signed{PredicateType: evidence.SignaturePredicate})
	f.Sign(digest, anchor, evidence.Signed{PredicateType: wanted})
	f.SetStrangers(digest, map[string]int{wanted: 2})

	search := signature.Search{Reference: image.Reference{Digest: digest}, Anchors: []signature.Anchor{anchor, other}}
	for about, test := range map[string]struct {
		types []string
		want  int
	}{"signatures alone": {nil, 1}, "attestations, too": {[]string{wanted}, 2}} {
		search.PredicateTypes = test.types
		found := f.Find(t.Context(), nil, search)
		if got := found.Statements[anchor.ID()]; len(got.Signed) != test.want || got.Rest != evidence.Checked("") {
			t.Errorf("%s: %+v", about, got)
		}
		if got, there := found.Statements[other.ID()]; !there || len(got.Signed) != 0 || got.Rest.State != evidence.Known {
			t.Errorf("%s, by the other anchor: %+v", about, got)
		}
		if found.Strangers[wanted] != 2 {
			t.Errorf("%s: %v", about, found.Strangers)
		}
	}
	if len(f.Calls()) != 2 {
		t.Errorf("%d calls", len(f.Calls()))
	}
}
