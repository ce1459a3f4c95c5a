// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

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
	about, err := image.ParseRepository(repository)
	if err != nil {
		t.Fatal(err)
	}
	w.put(t, digest(content), evidence.SignedKind(anchor, about), list)
	for _, s := range signed {
		if s.Statement != nil {
			w.put(t, digest(content), evidence.StatementKind(s.Payload, about), s.Statement)
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
