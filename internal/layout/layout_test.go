// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package layout_test

import (
	"testing"

	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/signature"
)

// TestAnIDIsOfDocumentAndOwners: whatever is kept under it is of exactly these.
func TestAnIDIsOfDocumentAndOwners(t *testing.T) {
	a, b := signature.Key{Fingerprint: "aa"}, signature.Key{Fingerprint: "bb"}
	plain := layout.Layout{Document: []byte("x"), Owners: []signature.Key{a, b}}
	for name, test := range map[string]struct {
		other layout.Layout
		same  bool
	}{
		"owners in another order, and twice": {layout.Layout{Document: []byte("x"), Owners: []signature.Key{b, a, a}}, true},
		"another document":                   {layout.Layout{Document: []byte("y"), Owners: []signature.Key{a, b}}, false},
		"one owner less":                     {layout.Layout{Document: []byte("x"), Owners: []signature.Key{a}}, false},
		"an owner at the document's end":     {layout.Layout{Document: []byte("xaa"), Owners: []signature.Key{b}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if same := plain.ID() == test.other.ID(); same != test.same {
				t.Errorf("got %v", same)
			}
		})
	}
}
