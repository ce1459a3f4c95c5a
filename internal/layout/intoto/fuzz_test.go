// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intoto_test

import (
	"testing"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/layout/intoto"
)

// FuzzLink has a functionary sign anything. Whatever it is, it is no link by the other one, whose link is missing.
func FuzzLink(f *testing.F) {
	c := newChain(f)
	document := layout.Layout{Document: metablock(f, c.layout, c.owner), Owners: c.owners}
	for _, signed := range []evidence.Signed{c.carol.attestation(f, "build", source, built), c.carol.cosigned(f, "build", source, built), c.carol.classic(f, "build", source, built),
		c.carol.sublayout(f, c.layout)} {
		f.Add(signed.Statement)
	}
	f.Fuzz(func(t *testing.T, statement []byte) {
		links := []evidence.Signed{c.links[0], c.carol.says(statement)}
		result := intoto.Verifier{}.Verify(document, links, about, now)
		if result.Passed || result.Message == "" || len(result.Message) > 256 {
			t.Errorf("got %+v", result)
		}
		if _, err := (intoto.Verifier{}).Functionaries(document, links); err != nil && err.Error() == "" {
			t.Error("an error without a text")
		}
	})
}

// FuzzSublayout has a functionary sign any layout, which nobody's signature protects from what is in it.
func FuzzSublayout(f *testing.F) {
	n := newNested(f)
	document := layout.Layout{Document: metablock(f, n.layout, n.owner), Owners: n.owners}
	f.Add(n.bob.sublayout(f, n.inner).Statement)
	f.Fuzz(func(t *testing.T, payload []byte) {
		// Without the links of Dave there is no way to pass.
		links := []evidence.Signed{n.links[0], n.bob.says(payload)}
		if result := (intoto.Verifier{}).Verify(document, links, about, now); result.Passed || result.Message == "" {
			t.Errorf("got %+v", result)
		}
	})
}

// FuzzDocument looks for a document that is not signed by its owner and is believed.
func FuzzDocument(f *testing.F) {
	c := newChain(f)
	for _, document := range [][]byte{envelope(f, c.layout, c.stranger), metablock(f, c.layout, c.stranger), []byte(`{"signed":{"a":"\n"},"signatures":[{"sig":"00"}]}`)} {
		f.Add(document)
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		if result := (intoto.Verifier{}).Verify(layout.Layout{Document: document, Owners: c.owners}, c.links, about, now); result.Passed || result.Message == "" {
			t.Errorf("got %+v", result)
		}
	})
}
