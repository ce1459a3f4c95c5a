// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign_test

import (
	"testing"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature"
)

// FuzzFind: the key signed another digest only, so that nothing that is made of its signatures verifies for this one.
func FuzzFind(f *testing.F) {
	k, w := p256(f), newWorld(f)
	other := image.Reference{Repository: w.reference.Repository, Digest: image.DigestOf([]byte("another image"))}
	f.Add(k.payload(other), k.sign(k.payload(other)), k.bundle(signStatement(other)))
	f.Add(k.payload(other), []byte("x"), k.envelope(inToto, about(slsa, other.Digest)))
	f.Add(k.payload(other), []byte("x"), k.bundle(about(slsa, other.Digest)))
	f.Add(k.payload(w.reference), k.sign(k.payload(other)), p256(f).bundle(signStatement(w.reference)))
	f.Add([]byte(`{"critical":{"type":"cosign container image signature"}}`), []byte{0x30, 0}, []byte(`{"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.1"}`))
	f.Fuzz(func(t *testing.T, payload, sig, bundle []byte) {
		w := newWorld(t)
		w.tag(payload, sig)
		w.bundle(bundle, signPredicate)
		w.envelope(w.reference.Digest, bundle, slsa)
		found := w.find(signature.Search{PredicateTypes: []string{slsa}}, k)
		if got := found.Statements[k.anchor().ID()]; len(got.Signed) > 0 {
			t.Error("it verified")
		} else if got.Rest.Value == "" && got.Rest.Message == "" {
			t.Errorf("no message: %+v", got)
		}
	})
}
