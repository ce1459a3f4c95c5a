// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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
	signaturefake "github.com/assay-dev/assay/internal/signature/fake"
)

const provenanceText = `{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1","subject":[],"predicate":{}}`

// sealer is Assay's key.
var sealer = signaturefake.NewSigner("seal")

// evidenceWorld has checkout of team-a, which trusts "a", had "old" and could trust "b", and payment of team-b with the same digest
// "a" from another repository. ann and bob may get theirs.
func evidenceWorld(t *testing.T) *world {
	t.Helper()
	checkout, payment := trusting("team-a", "checkout", "a"), trusting("team-b", "payment", "a")
	checkout.Status.Candidate = &v1alpha1.CandidateDigest{Digest: text("b"), Repository: repository}
	checkout.Status.History = []v1alpha1.TrustedDigest{{Digest: text("old"), Repository: repository}}
	payment.Status.Trusted.Repository = "registry.example.com/shop/payment"
	w := newWorld(t, &fake.Index{}, checkout, payment, &v1alpha1.TrustedImage{ObjectMeta: trusting("team-a", "new", "x").ObjectMeta})
	w.reviews.rights["ann"] = []string{"team-a", "team-a/checkout", "team-a/new", "team-a/absent"}
	w.reviews.rights["bob"] = []string{"team-b", "team-b/payment"}
	w.reviews.rights["lister"] = []string{"team-a"}
	w.sign(t, "team-a", "checkout", repository, "a")
	w.sign(t, "team-b", "payment", payment.Status.Trusted.Repository, "a")
	w.keep(t, "a", "anchor-1", provenance("builder"))
	return w
}

// provenance is what a workflow stated of what it built.
func provenance(subject string) evidence.Signed {
	return evidence.Signed{
		PredicateType: predicate.ProvenanceV1, Manifests: []image.Digest{digest("a")}, Payload: digest(provenanceText), Statement: []byte(provenanceText),
		Signer: evidence.Signer{
			Certificate: &evidence.Certificate{Subject: subject, Issuer: "https://issuer.example.com"},
			Times:       []evidence.TrustedTime{{Time: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC), By: evidence.WitnessLog}},
			Entries:     []evidence.LogEntry{{Log: "https://rekor.example.com", Index: 42}},
		},
	}
}

// keep puts what was signed about the content into the store, as gathering does.
func (w *world) keep(t *testing.T, content, anchor string, signed ...evidence.Signed) {
	t.Helper()
	list, err := json.Marshal(signed)
	if err != nil {
		t.Fatal(err)
	}
	w.put(t, digest(content), evidence.SignedKind(anchor), list)
	for _, s := range signed {
		if s.Statement != nil {
			w.put(t, digest(content), evidence.StatementKind(s.Payload), s.Statement)
		}
	}
}

func (w *world) put(t *testing.T, subject image.Digest, kind evidence.Kind, content []byte) {
	t.Helper()
	if err := w.store.Put(t.Context(), subject, kind, content); err != nil {
		t.Fatal(err)
	}
}

// sign puts a seal, a signature and an SBOM into the store, as the controller does.
func (w *world) sign(t *testing.T, namespace, name, repository, content string) {
	t.Helper()
	parsed, err := image.ParseRepository(repository)
	if err != nil {
		t.Fatal(err)
	}
	for kind, predicateType := range map[evidence.Kind]string{
		evidence.SealKind(evidence.Environment{Namespace: namespace, Name: name}): attestation.PredicateSeal,
		evidence.AttestationKind(evidence.KindSignature, parsed):                  evidence.SignaturePredicate,
		evidence.AttestationKind(evidence.KindSPDX, parsed):                       attestation.PredicateSPDX,
	} {
		about := image.Reference{Repository: parsed, Digest: digest(content)}
		bundle, err := attestation.Attest(t.Context(), attestation.ByKey(sealer), about, predicateType, fmt.Appendf(nil, `{"of":%q}`, namespace))
		if err != nil {
			t.Fatal(err)
		}
		w.put(t, about.Digest, kind, bundle)
	}
}

// told is what an answer says of a statement, and what was signed.
type told struct {
	query.Statement
	signed string
}

// evidence asks for what must be answered.
func (w *world) evidence(t *testing.T, token string, parameters ...string) (query.Image, []told, query.End) {
	t.Helper()
	response := w.ask(t, token, query.EvidencePath, parameters...)
	if response.Code != http.StatusOK {
		t.Fatalf("status %d: %s", response.Code, response.Body)
	}
	var all []told
	about, end, err := query.ReadEvidence(response.Body, func(s query.Statement, signed []byte) error {
		all = append(all, told{s, string(signed)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return about, all, end
}

// kinds of the statements: whose, and of which type.
func kinds(all []told) string {
	var names []string
	for _, s := range all {
		whose := "others'"
		if s.Own {
			whose = "own"
		}
		names = append(names, whose+" "+s.PredicateType[strings.LastIndex(s.PredicateType[:len(s.PredicateType)-3], "/")+1:])
	}
	return strings.Join(names, ", ")
}

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
	if kinds(all) != allOfCheckout {
		t.Errorf("bob gets %s", kinds(all))
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

func TestEvidenceIsBounded(t *testing.T) {
	ask := []string{query.NamespaceParameter, "team-a", query.NameParameter, "checkout", query.TypeParameter, predicate.ProvenanceV1, query.ContentsParameter, "true"}
	statements := func(count, size int) (all []evidence.Signed) {
		for i := range count {
			one := provenance("builder")
			one.Statement = fmt.Appendf(nil, `{"n":%d,"x":"%s"}`, i, strings.Repeat("x", size))
			one.Payload = image.DigestOf(one.Statement)
			all = append(all, one)
		}
		return all
	}
	for name, test := range map[string]struct {
		count, size, want int
		more              bool
	}{
		"as many as an answer holds":         {query.MaxStatements, 1, query.MaxStatements, false},
		"one more":                           {query.MaxStatements + 1, 1, query.MaxStatements, true},
		"more bytes than an answer holds":    {9, query.MaxContents / 8, 7, true},
		"a statement larger than any answer": {1, query.MaxContents, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := evidenceWorld(t)
			w.keep(t, "a", "anchor-1", statements(test.count, test.size)...)
			if _, all, end := w.evidence(t, "ann", ask...); len(all) != test.want || end.More != test.more {
				t.Errorf("%d statements, %+v", len(all), end)
			}
		})
	}
	t.Run("many signers of one statement, under several anchors", func(t *testing.T) {
		w := evidenceWorld(t)
		var signed []evidence.Signed
		for i := range 40 {
			signed = append(signed, provenance(fmt.Sprintf("builder-%02d", i)))
		}
		w.keep(t, "a", "anchor-1", signed...)
		w.keep(t, "a", "anchor-2", signed...)
		if _, all, _ := w.evidence(t, "ann", ask...); len(all) != 1 || len(all[0].Signers) != 16 {
			t.Errorf("got %+v", all)
		}
	})
	t.Run("hostile text", func(t *testing.T) {
		w := evidenceWorld(t)
		w.keep(t, "a", "anchor-1", provenance("\x1b]0;owned\a\u202e"+strings.Repeat("y", 1000)))
		_, all, _ := w.evidence(t, "ann", ask...)
		if got := all[0].Signers[0].Subject; !strings.HasPrefix(got, `\x1b]0;owned\a\u202eyyy`) || len(got) > 512 {
			t.Errorf("got %q", got)
		}
	})
}

func TestWhatTheStoreLostIsNotMadeUp(t *testing.T) {
	ask := []string{query.NamespaceParameter, "team-a", query.NameParameter, "checkout", query.ContentsParameter, "true"}
	w := evidenceWorld(t)
	w.put(t, digest("a"), evidence.StatementKind(digest(provenanceText)), []byte(`{"forged":true}`))
	w.put(t, digest("a"), evidence.SignedKind("anchor-9"), []byte(`of another version`))
	_, all, _ := w.evidence(t, "ann", ask...)
	if kinds(all) != allOfCheckout || all[2].signed != "" || all[2].Size != 0 {
		t.Errorf("a statement that is another on the disk: %+v", all[2])
	}
	w.put(t, digest("a"), evidence.SealKind(evidence.Environment{Namespace: "team-a", Name: "checkout"}), []byte(`{}`))
	if _, all, end := w.evidence(t, "ann", ask...); len(all) != 0 || end.Error != "not all evidence could be read now; try again" {
		t.Errorf("a seal that cannot be read: %d statements, %+v", len(all), end)
	}
	w.store.Fail(errors.New("input/output error at 0x77"))
	if _, _, end := w.evidence(t, "ann", ask...); end.Error == "" || strings.Contains(end.Error, "0x77") {
		t.Errorf("a store that fails: %+v", end)
	}
}

func TestEvidenceRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		token      string
		parameters []string
		status     int
		message    string
	}{
		"no token":              {"", []string{query.NamespaceParameter, "team-a", query.NameParameter, "checkout"}, 401, "give a bearer token that the API server accepts"},
		"no name":               {"ann", []string{query.NamespaceParameter, "team-a"}, 400, "give the namespace and the name of a TrustedImage"},
		"no namespace":          {"ann", []string{query.NameParameter, "checkout"}, 400, "give the namespace and the name of a TrustedImage"},
		"a name that is none":   {"ann", []string{query.NamespaceParameter, "team-a", query.NameParameter, "../x"}, 400, "give the namespace and the name of a TrustedImage"},
		"no digest":             {"ann", []string{query.NamespaceParameter, "team-a", query.NameParameter, "checkout", query.DigestParameter, "1.8"}, 400, "that is no digest, such as sha256: and 64 hexadecimal digits"},
		"a digest of others":    {"ann", []string{query.NamespaceParameter, "team-a", query.NameParameter, "checkout", query.DigestParameter, string(text("x"))}, 404, "that digest is none of those in the status of the TrustedImage"},
		"another standing":      {"ann", []string{query.NamespaceParameter, "team-a", query.NameParameter, "checkout", query.StandingParameter, "History"}, 400, "the standing is Trusted or Candidate"},
		"a long type":           {"ann", []string{query.NamespaceParameter, "team-a", query.NameParameter, "checkout", query.TypeParameter, strings.Repeat("x", 513)}, 400, "that is no predicate type"},
		"nothing is trusted":    {"ann", []string{query.NamespaceParameter, "team-a", query.NameParameter, "new"}, 404, "the TrustedImage trusts no digest (yet)"},
		"there is no candidate": {"ann", []string{query.NamespaceParameter, "team-a", query.NameParameter, "new", query.StandingParameter, "Candidate"}, 404, "the TrustedImage has no candidate"},
	} {
		t.Run(name, func(t *testing.T) {
			response := evidenceWorld(t).ask(t, test.token, query.EvidencePath, test.parameters...)
			var refusal query.Refusal
			if err := json.Unmarshal(response.Body.Bytes(), &refusal); err != nil || response.Code != test.status || refusal.Error != test.message {
				t.Errorf("status %d, %v: %s", response.Code, err, response.Body)
			}
		})
	}
}

// TestAnAnswerThatIsBrokenOffIsNoAnswer cuts an answer after every byte.
func TestAnAnswerThatIsBrokenOffIsNoAnswer(t *testing.T) {
	whole := evidenceWorld(t).ask(t, "ann", query.EvidencePath, query.NamespaceParameter, "team-a", query.NameParameter, "checkout",
		query.ContentsParameter, "true").Body.Bytes()
	none := func(query.Statement, []byte) error { return nil }
	if _, _, err := query.ReadEvidence(bytes.NewReader(whole), none); err != nil {
		t.Fatal(err)
	}
	for length := range whole {
		if _, _, err := query.ReadEvidence(bytes.NewReader(whole[:length]), none); err == nil {
			t.Fatalf("%d of %d bytes are an answer", length, len(whole))
		}
	}
}
