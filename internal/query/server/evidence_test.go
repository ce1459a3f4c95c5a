// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/predicate"
	"github.com/assay-dev/assay/internal/query"
	"github.com/assay-dev/assay/internal/query/fake"
)

const allOfCheckout = "own verification_summary/v1, own sign/v1, others' provenance/v1, own Document"

func TestEvidenceIsAllThatWasSignedAboutADigest(t *testing.T) {
	w := evidenceWorld(t)
	about, all, end := w.evidence(t, "ann", query.NamespaceParameter, "team-a", query.NameParameter, "checkout", query.ContentsParameter, "true")
	if want := (query.Image{Namespace: "team-a", Name: "checkout", Standing: query.Trusted, Reference: repository + "@" + digest("a").String()}); about != want {
		t.Errorf("about %+v", about)
	}
	if kinds(all) != allOfCheckout || end != (query.End{}) {
		t.Fatalf("got %s, %+v", kinds(all), end)
	}
	want := told{query.Statement{
		PredicateType: predicate.ProvenanceV1, Digest: digest(provenanceText).String(), Size: int64(len(provenanceText)), Follows: int64(len(provenanceText)),
		Signers: []query.Signer{{
			Subject: "builder", Issuer: "https://issuer.example.com", SignedAt: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC), SignedAtBy: "transparency log",
			LogEntry: "https://rekor.example.com 42",
		}},
	}, provenanceText}
	if diff := cmp.Diff(want, all[2], cmp.AllowUnexported(told{})); diff != "" {
		t.Errorf("what others signed (-want +got):\n%s", diff)
	}
	for _, own := range []told{all[0], all[1], all[3]} {
		if !strings.Contains(own.signed, `"of":"team-a"`) || own.Digest != digest(own.signed).String() || own.Signers[0].Key != sealer.Key().Fingerprint {
			t.Errorf("of Assay's own: %+v", own)
		}
	}
}

func TestEvidenceIsChosen(t *testing.T) {
	of := func(more ...string) []string {
		return append([]string{query.NamespaceParameter, "team-a", query.NameParameter, "checkout"}, more...)
	}
	for name, test := range map[string]struct {
		parameters []string
		want       string
		standing   query.Standing
	}{
		"what is trusted":                 {of(), allOfCheckout, query.Trusted},
		"it, by its digest":               {of(query.DigestParameter, string(text("a"))), allOfCheckout, query.Trusted},
		"the candidate":                   {of(query.StandingParameter, "Candidate"), "", query.Candidate},
		"what was trusted, by its digest": {of(query.DigestParameter, string(text("old"))), "", query.History},
		"one type of others'":             {of(query.TypeParameter, predicate.ProvenanceV1), "others' provenance/v1", query.Trusted},
		"one type of Assay's":             {of(query.TypeParameter, attestation.PredicateSPDX), "own Document", query.Trusted},
		"a type that is not there":        {of(query.TypeParameter, "https://example.com/v1"), "", query.Trusted},
	} {
		t.Run(name, func(t *testing.T) {
			about, all, end := evidenceWorld(t).evidence(t, "ann", test.parameters...)
			if kinds(all) != test.want || about.Standing != test.standing || end != (query.End{}) {
				t.Errorf("got %q of %s, %+v", kinds(all), about.Standing, end)
			}
			for _, s := range all {
				if s.signed != "" || s.Size == 0 {
					t.Errorf("nobody asked for what was signed: %+v", s)
				}
			}
		})
	}
}

// TestEvidenceOfOthersStaysTheirs holds that what Assay signed for another environment or repository is told to nobody else, and that
// a TrustedImage that the caller may not get looks like one that is not there.
func TestEvidenceOfOthersStaysTheirs(t *testing.T) {
	w := evidenceWorld(t)
	_, all, _ := w.evidence(t, "bob", query.NamespaceParameter, "team-b", query.NameParameter, "payment", query.ContentsParameter, "true")
	// Not even what others signed about the same digest, which was found in team-a's repository.
	if got := kinds(all); got != "own verification_summary/v1, own sign/v1, own Document" {
		t.Errorf("bob gets %s", got)
	}
	for _, s := range all {
		if strings.Contains(s.signed, "team-a") || strings.Contains(s.signed, repository) {
			t.Errorf("bob gets what was signed for team-a: %s", s.signed)
		}
	}
	absent := w.ask(t, "ann", query.EvidencePath, query.NamespaceParameter, "team-a", query.NameParameter, "absent")
	if absent.Code != http.StatusNotFound {
		t.Fatalf("what is not there: status %d", absent.Code)
	}
	for name, who := range map[string]string{"another team": "bob", "who may only list": "lister", "who may nothing": "nobody", "who may list everywhere": "root"} {
		response := w.ask(t, who, query.EvidencePath, query.NamespaceParameter, "team-a", query.NameParameter, "checkout")
		if response.Code != absent.Code || response.Body.String() != absent.Body.String() {
			t.Errorf("%s: status %d, %s", name, response.Code, response.Body)
		}
	}
	w.reviews.rights["lister"] = []string{"team-a/checkout"}
	w.clock.Step(31 * time.Second)
	if _, all, _ := w.evidence(t, "lister", query.NamespaceParameter, "team-a", query.NameParameter, "checkout"); kinds(all) != allOfCheckout {
		t.Errorf("who may get it now gets %s", kinds(all))
	}
}

// TestASealOfAnotherRepositoryIsNotTold holds that a seal that was kept when the TrustedImage had another repository is left out.
func TestASealOfAnotherRepositoryIsNotTold(t *testing.T) {
	w := evidenceWorld(t)
	w.sign(t, "team-a", "checkout", "registry.example.com/shop/before", "a")
	if _, all, _ := w.evidence(t, "ann", query.NamespaceParameter, "team-a", query.NameParameter, "checkout"); kinds(all) != "own sign/v1, others' provenance/v1, own Document" {
		t.Errorf("got %s", kinds(all))
	}
}

// TestEvidenceOfAnIndex holds that what is attested of each platform's image is told, and of which it is.
func TestEvidenceOfAnIndex(t *testing.T) {
	index := trusting("team-a", "checkout", "index")
	index.Status.Trusted.Platforms = []v1alpha1.PlatformDigest{{Platform: "linux/amd64", Digest: text("amd64")}, {Platform: "linux/arm64", Digest: text("arm64")}}
	w := newWorld(t, &fake.Index{}, index)
	w.reviews.rights["ann"] = []string{"team-a/checkout"}
	for _, manifest := range []string{"arm64", "amd64"} {
		w.sign(t, "team-a", "checkout", repository, manifest)
	}
	_, all, _ := w.evidence(t, "ann", query.NamespaceParameter, "team-a", query.NameParameter, "checkout")
	if kinds(all) != "own Document, own Document" || all[0].Manifests[0] != digest("amd64").String() || all[1].Manifests[0] != digest("arm64").String() {
		t.Errorf("got %+v", all)
	}
}

// TestASignatureInAList holds that Assay's signature in tag-based form is told as what it says.
func TestASignatureInAList(t *testing.T) {
	w := newWorld(t, &fake.Index{}, trusting("team-a", "checkout", "a"))
	w.reviews.rights["ann"] = []string{"team-a/checkout"}
	about, err := image.ParseReference(repository + "@" + digest("a").String())
	if err != nil {
		t.Fatal(err)
	}
	w.put(t, about.Digest, evidence.AttestationKind(evidence.KindTaggedSignature, about.Repository), []byte("signature"))
	_, all, _ := w.evidence(t, "ann", query.NamespaceParameter, "team-a", query.NameParameter, "checkout", query.ContentsParameter, "true")
	if kinds(all) != "own sign/v1" || !strings.Contains(all[0].signed, about.Digest.String()) || all[0].Digest != digest(all[0].signed).String() {
		t.Errorf("got %+v", all)
	}
	if _, all, _ = w.evidence(t, "ann", query.NamespaceParameter, "team-a", query.NameParameter, "checkout"); len(all) != 1 || all[0].signed != "" {
		t.Errorf("in short: %+v", all)
	}
}
