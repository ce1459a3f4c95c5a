// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature"
)

const (
	vuln     = "https://cosign.sigstore.dev/attestation/vuln/v1"
	link     = "https://in-toto.io/attestation/link/v0.3"
	inTotoV0 = "https://in-toto.io/Statement/v0.1"
)

// about is an attestation of a predicate type with one predicate, about the manifests, as the cosign command writes it.
func about(predicateType string, manifests ...image.Digest) string {
	var subjects []string
	for _, manifest := range manifests {
		subjects = append(subjects, fmt.Sprintf(`{"name":"registry.example.com/shop/checkout","digest":{"sha256":%q}}`, manifest.Hex()))
	}
	return fmt.Sprintf(`{"_type":%q,"predicateType":%q,"subject":[%s],"predicate":{"a":1}}`, inTotoV0, predicateType, strings.Join(subjects, ","))
}

// newIndex is a world whose image is an index of two platforms.
func newIndex(t testing.TB) (w *world, amd64, arm64 image.Digest) {
	t.Helper()
	w = newWorld(t)
	amd64, arm64 = image.DigestOf([]byte("amd64")), image.DigestOf([]byte("arm64"))
	w.platforms = []image.Digest{amd64, arm64}
	return w, amd64, arm64
}

// TestAttestationsThatCount: in both forms, on the image and on its platforms, whatever annotations say.
func TestAttestationsThatCount(t *testing.T) {
	k, stranger := p256(t), p256(t)
	w, amd64, arm64 := newIndex(t)
	whole := w.reference.Digest
	both := []image.Digest{amd64, arm64}
	slices.SortFunc(both, func(a, b image.Digest) int { return strings.Compare(a.Hex(), b.Hex()) })
	for name, test := range map[string]struct {
		attach func(*world)
		want   []image.Digest // of one statement
	}{
		"a bundle on the image": {func(w *world) { w.bundle(k.bundle(about(slsa, whole)), slsa) }, []image.Digest{whole}},
		"a bundle of the newer statement type": {func(w *world) {
			w.bundle(k.bundle(strings.Replace(about(slsa, whole), inTotoV0, inTotoV1, 1)), slsa)
		}, []image.Digest{whole}},
		"a bundle without a hint": {func(w *world) { w.bundle(k.bundle(about(slsa, whole)), "") }, []image.Digest{whole}},
		"SEC-31: a bundle that is announced as a signature": {func(w *world) {
			w.bundle(k.bundle(about(slsa, whole)), signPredicate)
		}, []image.Digest{whole}},
		"SEC-31: a bundle that is announced as another wanted type": {func(w *world) {
			w.bundle(k.bundle(about(slsa, whole)), vuln)
		}, []image.Digest{whole}},
		"an envelope under the tag": {func(w *world) { w.envelope(whole, k.envelope(inToto, about(slsa, whole)), slsa) }, []image.Digest{whole}},
		"SEC-31: an envelope under the tag beside the same one with forged annotations": {func(w *world) {
			made := k.envelope(inToto, about(slsa, whole))
			w.envelope(whole, made, slsa)
			w.envelope(whole, made, slsa)
			w.attestations[whole][0].Annotations["dev.sigstore.cosign/bundle"] = "forged"
			w.attestations[whole][0].Annotations["dev.sigstore.cosign/certificate"] = "forged"
		}, []image.Digest{whole}},
		"one on a platform speaks of that":   {func(w *world) { w.bundleOn(arm64, k.bundle(about(slsa, arm64)), slsa) }, []image.Digest{arm64}},
		"one under a platform's tag as well": {func(w *world) { w.envelope(amd64, k.envelope(inToto, about(slsa, amd64)), "") }, []image.Digest{amd64}},
		"one on the image about both platforms": {func(w *world) {
			w.bundle(k.bundle(about(slsa, arm64, amd64, arm64)), slsa)
		}, both},
		"one about the image and its platforms speaks of the image": {func(w *world) {
			w.bundleOn(arm64, k.bundle(about(slsa, arm64, whole)), slsa)
		}, []image.Digest{whole}},
		"the same one on the image and on its platforms counts once": {func(w *world) {
			made := k.bundle(about(slsa, whole))
			w.bundle(made, slsa)
			w.bundleOn(amd64, made, slsa)
		}, []image.Digest{whole}},
		"CVE-2022-35929: a link of a layout may be about anything, and is about no image": {func(w *world) {
			w.bundle(k.bundle(about(link, image.DigestOf([]byte("main.go")))), link)
		}, nil},
		"a link may be about as many files as a step makes": {func(w *world) {
			w.bundle(k.bundle(strings.Replace(about(link, whole), `"subject":[`, `"subject":[`+strings.Repeat(`{"digest":{}},`, 300), 1)), link)
		}, nil},
		"a link about the image is about no image, too": {func(w *world) { w.bundle(k.bundle(about(link, whole)), link) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w, _, _ := newIndex(t)
			test.attach(w)
			found := w.find(signature.Search{PredicateTypes: []string{slsa, vuln, link}, Links: []string{link}}, stranger, k)
			got := found.Statements[k.anchor().ID()]
			if len(got.Signed) != 1 || got.Rest != evidence.Checked("") || len(found.Strangers) > 0 {
				t.Fatalf("got %+v, strangers %v", got, found.Strangers)
			}
			one := got.Signed[0]
			if diff := cmp.Diff(test.want, one.Manifests, cmp.Comparer(func(a, b image.Digest) bool { return a == b })); diff != "" {
				t.Errorf("manifests (-want +got):\n%s", diff)
			}
			if one.Signer.Key != k.key.Fingerprint || one.Payload != image.DigestOf(one.Statement) || !strings.Contains(string(one.Statement), one.PredicateType) {
				t.Errorf("got %+v", one)
			}
			if got := found.Statements[stranger.anchor().ID()]; len(got.Signed) > 0 || !strings.HasSuffix(got.Rest.Value, " by others") {
				t.Errorf("by another anchor: %+v", got)
			}
		})
	}
}

// TestAttestationsThatCountForNobody are told, by what is wrong with the first.
func TestAttestationsThatCountForNobody(t *testing.T) {
	k, stranger := p256(t), p256(t)
	w, amd64, _ := newIndex(t)
	whole := w.reference.Digest
	odd := func(old, with string) func(*world) {
		return func(w *world) {
			if text := about(slsa, whole); strings.Contains(text, old) {
				w.bundle(k.bundle(strings.Replace(text, old, with, 1)), slsa)
			}
		}
	}
	const unusable = "1 unusable signature or attestation: "
	const elsewhere = unusable + "it is about something else"
	const otherType = unusable + "its statement is of another type"
	for name, test := range map[string]struct {
		attach func(*world)
		want   string
	}{
		"one by a stranger": {func(w *world) { w.bundle(stranger.bundle(about(slsa, whole)), slsa) }, "1 attestation by others"},
		"one about another image": {func(w *world) {
			w.envelope(whole, k.envelope(inToto, about(slsa, image.DigestOf([]byte("another image")))), slsa)
		}, elsewhere},
		"one about nothing":                                                    {func(w *world) { w.bundle(k.bundle(about(slsa)), slsa) }, elsewhere},
		"SEC-33: one about a SHA-1 alone":                                      {odd(`"sha256"`, `"sha1"`), elsewhere},
		"one about the digest in upper case":                                   {odd(whole.Hex(), strings.ToUpper(whole.Hex())), elsewhere},
		"one about the digest with its algorithm":                              {odd(whole.Hex(), whole.String()), elsewhere},
		"SEC-22: one of a later statement type":                                {odd(inTotoV0, "https://in-toto.io/Statement/v9"), otherType},
		"SEC-22: one of a statement type with a slash":                         {odd(inTotoV0, inTotoV0+"/"), otherType},
		"SEC-22: one without a statement type":                                 {odd(`"_type"`, `"type"`), otherType},
		"SEC-22: one whose statement type is in a field in another case":       {odd(`"_type"`, `"_Type"`), otherType},
		"SEC-23: one with two subjects of which two readers could take either": {odd(`"subject"`, `"subject":[],"subject"`), unusable + "its statement is ambiguous: a field occurs twice"},
		"SEC-22: one with two predicates":                                      {odd(`"predicate":`, `"predicate":{},"predicate":`), unusable},
		"SEC-22: one with two predicate types":                                 {odd(`"predicateType"`, `"predicateType":"`+vuln+`","predicateType"`), unusable},
		"one without a predicate":                                              {odd(`{"a":1}`, `[]`), unusable + "it has no predicate"},
		"SEC-27: one about 257 things":                                         {odd(`"subject":[`, `"subject":[`+strings.Repeat(`{"digest":{}},`, 256)), unusable + "it is about more than 256 things"},
		"one whose payload is of another type": {func(w *world) {
			w.bundle(k.bundleOfType("application/json", about(slsa, whole)), slsa)
		}, unusable + "it is no in-toto statement"},
		"one that is none": {func(w *world) { w.envelope(whole, []byte(`{"payload":"e30="}`), slsa) }, unusable},
		"one that is gone": {func(w *world) {
			w.bundle(k.bundle(about(slsa, whole)), slsa)
			clear(w.blobs)
		}, unusable + "its content is gone"},
		"one with the signature of another (SEC-29)": {func(w *world) {
			w.bundle(change(t, k.bundle(about(slsa, whole)), k.envelopeOf(about(slsa, amd64))["signatures"], "dsseEnvelope", "signatures"), slsa)
		}, "1 attestation by others"},
	} {
		t.Run(name, func(t *testing.T) {
			w, _, _ := newIndex(t)
			test.attach(w)
			found := w.find(signature.Search{PredicateTypes: []string{slsa}}, k)
			got := found.Statements[k.anchor().ID()]
			if len(got.Signed) > 0 || got.Rest.State != evidence.Known || !strings.HasPrefix(got.Rest.Value, test.want) {
				t.Errorf("got %+v, want %q", got, test.want)
			}
			if diff := cmp.Diff(map[string]int{slsa: 1}, found.Strangers); diff != "" {
				t.Errorf("strangers (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWhatIsNotLookedForIsNoneOfThis: nothing of it is found, counted or fetched.
func TestWhatIsNotLookedForIsNoneOfThis(t *testing.T) {
	k := p256(t)
	w, amd64, _ := newIndex(t)
	w.bundle(k.bundle(about(spdx, w.reference.Digest)), spdx)
	w.envelope(w.reference.Digest, k.envelope(inToto, about(spdx, w.reference.Digest)), spdx)
	w.envelope(w.reference.Digest, nil, slsa)
	w.attestations[w.reference.Digest][1].MediaType = "application/json"
	w.bundleOn(amd64, k.bundle(about(spdx, amd64)), spdx)
	w.refer(image.Descriptor{MediaType: bundleV03, Size: 2 << 30}, map[string]string{hint: spdx})
	found := w.find(signature.Search{PredicateTypes: []string{slsa}}, k)
	if got := found.Statements[k.anchor().ID()]; len(got.Signed) > 0 || got.Rest.State != evidence.Known || got.Rest.Value != "" || len(found.Strangers) > 0 {
		t.Errorf("got %+v, strangers %v", got, found.Strangers)
	}
	if slices.Contains(w.requests, "blob") {
		t.Errorf("asked for %v", w.requests)
	}
}

// TestNoTypeStandsForAnother: every attestation answers to its own type alone (SEC-22, CVE-2022-35929, CVE-2022-35930). What is
// annotated with the wanted type is fetched, and believed by what is signed only (SEC-31, kyverno #16336).
func TestNoTypeStandsForAnother(t *testing.T) {
	k := p256(t)
	types := []string{
		signPredicate, slsa, "https://slsa.dev/provenance/v0.2", spdx, "https://cyclonedx.org/bom", vuln, seal,
		slsa + "/", strings.ToUpper(slsa), " " + slsa, "https://slsa.dev/provenance", "",
	}
	for _, attested := range types {
		for _, wanted := range types {
			w := newWorld(t)
			statement := about(attested, w.reference.Digest)
			w.bundle(k.bundle(statement), wanted)
			w.envelope(w.reference.Digest, k.envelope(inToto, statement), wanted)
			found := w.find(signature.Search{PredicateTypes: []string{wanted}}, k)
			got := found.Statements[k.anchor().ID()]
			want := 0
			if attested == wanted && attested != signPredicate {
				want = 2
			}
			if len(got.Signed) != want || got.Rest.State != evidence.Known {
				t.Errorf("%q for %q: %+v", attested, wanted, got)
			}
			// The older statement type is none that a signature may have.
			if attested == signPredicate && (found.Strangers[signPredicate] != 1 || !strings.Contains(got.Rest.Value, "of another type")) {
				t.Errorf("for %q: %+v", wanted, found)
			}
		}
	}
}

// TestWhatIsFoundHoldsOfOneStatement: no signer gets credit for what another one signed (SEC-29, kyverno #14500).
func TestWhatIsFoundHoldsOfOneStatement(t *testing.T) {
	one, two := p256(t), p256(t)
	w := newWorld(t)
	w.bundle(one.bundle(about(slsa, w.reference.Digest)), slsa)
	w.bundle(two.bundle(about(vuln, w.reference.Digest)), vuln)
	w.bundle(two.bundle(signStatement(w.reference)), signPredicate)
	w.tag(one.payload(w.reference), one.sign([]byte("something else")))
	found := w.find(signature.Search{PredicateTypes: []string{slsa, vuln}}, one, two)
	typesOf := func(k signer) (types []string) {
		for _, signed := range found.Statements[k.anchor().ID()].Signed {
			if signed.Signer.Key != k.key.Fingerprint {
				t.Errorf("another's signature: %+v", signed)
			}
			types = append(types, signed.PredicateType)
		}
		slices.Sort(types)
		return types
	}
	if diff := cmp.Diff([]string{slsa}, typesOf(one)); diff != "" {
		t.Errorf("the first (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{vuln, signPredicate}, typesOf(two)); diff != "" {
		t.Errorf("the second (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{signPredicate: 1}, found.Strangers); diff != "" {
		t.Errorf("strangers (-want +got):\n%s", diff)
	}
	if got, want := found.Statements[one.anchor().ID()].Rest, evidence.Checked("2 signatures and 1 attestation by others"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestEverySignerOfAnEnvelopeIsTold, and always in the same order.
func TestEverySignerOfAnEnvelopeIsTold(t *testing.T) {
	one, two := p256(t), p256(t)
	w := newWorld(t)
	statement := about(slsa, w.reference.Digest)
	both := one.envelopeOf(statement)
	both["signatures"] = append(both["signatures"].([]any), two.envelopeOf(statement)["signatures"].([]any)...)
	w.envelope(w.reference.Digest, encode(t, both), slsa)
	for range 3 {
		w.bundle(one.bundle(statement), slsa) // signed anew each time
	}
	found := w.find(signature.Search{PredicateTypes: []string{slsa}}, one, two)
	if got := found.Statements[two.anchor().ID()].Signed; len(got) != 1 {
		t.Errorf("the second signed %d", len(got))
	}
	first := found.Statements[one.anchor().ID()].Signed
	if len(first) != 4 {
		t.Fatalf("the first signed %d", len(first))
	}
	slices.Reverse(w.referrers)
	again := w.find(signature.Search{PredicateTypes: []string{slsa}}, one, two).Statements[one.anchor().ID()].Signed
	if diff := cmp.Diff(first, again, cmp.Comparer(func(a, b image.Digest) bool { return a == b })); diff != "" {
		t.Errorf("in another order (-first +again):\n%s", diff)
	}
}

// TestAPlatformsOwnSignatureIsNoneOfTheImage, and nothing that is wrong either: cosign sign --recursive makes them.
func TestAPlatformsOwnSignatureIsNoneOfTheImage(t *testing.T) {
	k := p256(t)
	w, amd64, _ := newIndex(t)
	w.bundleOn(amd64, k.bundle(signStatement(image.Reference{Repository: w.reference.Repository, Digest: amd64})), signPredicate)
	found := w.find(signature.Search{PredicateTypes: []string{slsa}}, k)
	if got := found.Statements[k.anchor().ID()]; len(got.Signed) > 0 || got.Rest.Value != "" || len(found.Strangers) > 0 {
		t.Errorf("got %+v, strangers %v", got, found.Strangers)
	}
}
