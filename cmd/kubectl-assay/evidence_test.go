// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/predicate"
	"github.com/assay-dev/assay/internal/query"
	signaturefake "github.com/assay-dev/assay/internal/signature/fake"
)

// What a workflow stated keyless of what it built, in one line and in several.
const (
	provenanceText = `{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1","predicate":{"a":"é < b"}}`
	testsText      = "{\n  \"_type\": \"https://in-toto.io/Statement/v1\",\n  \"predicate\": {\"result\": \"PASSED\"}\n}"
)

// keyless is somebody whom Sigstore vouches for.
var keyless = evidence.Signer{
	Certificate: &evidence.Certificate{Subject: "https://github.com/shop/checkout/.github/workflows/build.yaml@refs/heads/main", Issuer: "https://token.actions.githubusercontent.com"},
	Times:       []evidence.TrustedTime{{Time: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC), By: evidence.WitnessLog}},
	Entries:     []evidence.LogEntry{{Log: "https://rekor.sigstore.dev", Index: 123456789}},
}

func statement(predicateType, content string, signer evidence.Signer) evidence.Signed {
	return evidence.Signed{PredicateType: predicateType, Payload: image.DigestOf([]byte(content)), Statement: []byte(content), Signer: signer}
}

// signedCheckout puts into the store what others and Assay signed about the image that team-a trusts.
func (w *queryWorld) signedCheckout(t *testing.T, more ...evidence.Signed) (about image.Reference) {
	t.Helper()
	about, err := image.ParseReference(repository + "@" + older)
	if err != nil {
		t.Fatal(err)
	}
	signature := statement(evidence.SignaturePredicate, "a payload", evidence.Signer{Key: "4c2f8a90b1d2" + strings.Repeat("0", 52)})
	signature.Statement = nil
	list := append([]evidence.Signed{statement(predicate.ProvenanceV1, provenanceText, keyless), statement(predicate.TestResultV01, testsText, keyless), signature}, more...)
	content, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	w.keep(t, about.Digest, evidence.SignedKind("anchor", about.Repository), content)
	for _, signed := range list {
		if signed.Statement != nil {
			w.keep(t, about.Digest, evidence.StatementKind(signed.Payload, about.Repository), signed.Statement)
		}
	}
	for kind, predicateType := range map[evidence.Kind]string{
		evidence.SealKind(evidence.Environment{Namespace: teamA, Name: "checkout"}): attestation.PredicateSeal,
		evidence.AttestationKind(evidence.KindVulnerabilities, about.Repository):    attestation.PredicateVulnerabilities,
	} {
		bundle, err := attestation.Attest(t.Context(), attestation.ByKey(signaturefake.NewSigner("seal")), about, predicateType, []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		w.keep(t, about.Digest, kind, bundle)
	}
	return about
}

func (w *queryWorld) keep(t *testing.T, subject image.Digest, kind evidence.Kind, content []byte) {
	t.Helper()
	if err := w.store.Put(t.Context(), subject, kind, content); err != nil {
		t.Fatal(err)
	}
}

// sealed is the statement that Assay signed, as it stands in the answer.
func sealed(about image.Reference, predicateType string) string {
	return fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":%q,"digest":{"sha256":%q}}],"predicateType":%q,"predicate":{}}`,
		about.Repository, about.Digest.Hex(), predicateType)
}

// summedUp is what is told of it.
const summedUp = `registry.example.com/shop/checkout@sha256:3f1c9a0b77d20000000000000000000000000000000000000000000000000000  kubectl-assay-team-a/checkout  Trusted
TYPE                                             SIGNER                                                                         SIGNED                LOG ENTRY                             DIGEST        SIZE  ABOUT
https://slsa.dev/verification_summary/v1         Assay, key 82287a4a3416                                                        -                     -                                     a3ae2115c3cd  262   image
https://in-toto.io/attestation/test-result/v0.1  https://github.com/shop/checkout/.github/workflows/build.yaml@refs/heads/main  2026-11-20T08:00:00Z  https://rekor.sigstore.dev 123456789  464253faa0ea  85    image
https://sigstore.dev/cosign/sign/v1              key 4c2f8a90b1d2                                                               -                     -                                     d0c27dd3ba9c  -     image
https://slsa.dev/provenance/v1                   https://github.com/shop/checkout/.github/workflows/build.yaml@refs/heads/main  2026-11-20T08:00:00Z  https://rekor.sigstore.dev 123456789  b259d1a1e5a6  119   image
https://cosign.sigstore.dev/attestation/vuln/v1  Assay, key 82287a4a3416                                                        -                     -                                     6549399d77d6  269   image
`

func evidenceIsSummedUp(t *testing.T, w *queryWorld) {
	w.signedCheckout(t)
	code, out, errOut := w.as(t, teamA, "evidence", "checkout", "-n", teamA, "--assay-server", w.url)
	if diff := cmp.Diff(summedUp, out); diff != "" || code != 0 || errOut != "" {
		t.Errorf("exit code %d, error output %q, output (-want +got):\n%s", code, errOut, diff)
	}
}

func TestWhoSigned(t *testing.T) {
	for want, s := range map[string]query.Statement{
		"":                        {Signers: []query.Signer{{}}},
		"Assay":                   {Own: true, Signers: []query.Signer{{}}},
		"Assay, key 4c2f8a90b1d2": {Own: true, Signers: []query.Signer{{Key: "4c2f8a90b1d2e3"}}},
		"somebody":                {Signers: []query.Signer{{Subject: "somebody", Issuer: "https://issuer.example.com"}}},
		"key 4c":                  {Signers: []query.Signer{{Key: "4c"}}},
	} {
		if got := signedBy(s, s.Signers[0]); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func evidenceIsPrintedForPrograms(t *testing.T, w *queryWorld) {
	about := w.signedCheckout(t)
	code, out, errOut := w.as(t, teamA, "evidence", "checkout", "-n", teamA, "-o", "json", "--assay-server", w.url)
	want := sealed(about, attestation.PredicateSeal) + "\n" +
		`{"_type":"https://in-toto.io/Statement/v1","predicate":{"result":"PASSED"}}` + "\n" +
		provenanceText + "\n" +
		sealed(about, attestation.PredicateVulnerabilities) + "\n"
	const note = "not printed: 1 of which Assay keeps no more than the digest (-o summary names them)\n"
	if diff := cmp.Diff(want, out); diff != "" || code != 0 || errOut != note {
		t.Errorf("exit code %d, error output %q, output (-want +got):\n%s", code, errOut, diff)
	}
	code, out, errOut = w.as(t, teamA, "evidence", "checkout", "-n", teamA, "-o", "json", "--type", predicate.ProvenanceV1, "--digest", older, "--assay-server", w.url)
	if out != provenanceText+"\n" || code != 0 || errOut != "" {
		t.Errorf("one type: exit code %d, error output %q, output %q", code, errOut, out)
	}
}

// whoGetsNoEvidenceIsToldWhy holds, too, that a TrustedImage that one may not get looks like one that is not there.
func whoGetsNoEvidenceIsToldWhy(t *testing.T, w *queryWorld) {
	w.signedCheckout(t)
	const none = "error: Assay refuses: there is no such TrustedImage, or you may not get it\n"
	for name, test := range map[string]struct {
		who       string
		arguments []string
		want      string
	}{
		"a TrustedImage of others":   {teamB, []string{"checkout", "-n", teamA}, none},
		"who may only list":          {lister, []string{"checkout", "-n", teamA}, none},
		"one that is not there":      {teamA, []string{"absent", "-n", teamA}, none},
		"a namespace that is not":    {teamA, []string{"checkout", "-n", "nowhere"}, none},
		"no candidate":               {teamA, []string{"checkout", "-n", teamA, "--candidate"}, "error: Assay refuses: the TrustedImage has no candidate\n"},
		"a digest of another":        {teamA, []string{"checkout", "-n", teamA, "--digest", newer}, "error: Assay refuses: that digest is none of those in the status of the TrustedImage\n"},
		"a digest that is none":      {teamA, []string{"checkout", "-n", teamA, "--digest", "1.8"}, "error: Assay refuses: that is no digest, such as sha256: and 64 hexadecimal digits\n"},
		"a digest and the candidate": {teamA, []string{"checkout", "--digest", newer, "--candidate"}, "error: if any flags in the group [digest candidate] are set none of the others can be; [candidate digest] were all set\n"},
		"an unknown output":          {teamA, []string{"checkout", "-o", "yaml"}, "error: --output \"yaml\": want summary or json\n"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := w.as(t, test.who, append(append([]string{"evidence"}, test.arguments...), "--assay-server", w.url)...)
			if diff := cmp.Diff(test.want, errOut); diff != "" || code != exitUndetermined || out != "" {
				t.Errorf("exit code %d, output %q, error output (-want +got):\n%s", code, out, diff)
			}
		})
	}
}

func evidenceThatIsNotAll(t *testing.T, w *queryWorld) {
	var many []evidence.Signed
	for i := range query.MaxStatements {
		many = append(many, statement(predicate.SPDX, fmt.Sprintf(`{"n":%d}`, i), keyless))
	}
	w.signedCheckout(t, many...)
	code, out, errOut := w.as(t, teamA, "evidence", "checkout", "-n", teamA, "-o", "json", "--assay-server", w.url)
	const want = "there is more than an answer holds; ask for less, by --type\n"
	if code != exitUndetermined || strings.Count(out, "\n") < 100 || !strings.HasSuffix(errOut, want) {
		t.Errorf("exit code %d, %d lines, error output %q", code, strings.Count(out, "\n"), errOut)
	}
	for name, test := range map[string]struct {
		answer func(http.ResponseWriter)
		want   string
	}{
		"an answer that ends early": {func(out http.ResponseWriter) {
			e, _ := query.NewEvidenceWriter(out, query.Image{})
			_ = e.End(query.End{Error: "the disk\x1b"})
		}, "the answer is not complete: the disk\\x1b\n"},
		"an answer that is broken off": {func(out http.ResponseWriter) {
			_, _ = query.NewEvidenceWriter(out, query.Image{})
		}, "error: " + strings.TrimPrefix(w.url, "https://") + " broke off its answer; ask for less, by --type\n"},
		"what is no answer": {func(out http.ResponseWriter) {
			_, _ = out.Write([]byte("<html>\n"))
		}, "error: that is no answer to a question for evidence"},
	} {
		t.Run(name, func(t *testing.T) {
			w.serve(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { test.answer(out) }))
			code, _, errOut := w.as(t, teamA, "evidence", "checkout", "-n", teamA, "--assay-server", w.url)
			if code != exitUndetermined || !strings.HasPrefix(errOut, test.want) {
				t.Errorf("exit code %d, error output %q", code, errOut)
			}
		})
	}
}

func hostileEvidenceIsPrintable(t *testing.T, w *queryWorld) {
	hostile := "\x1b]0;owned\a\u202e" + strings.Repeat("y", 1000)
	w.signedCheckout(t,
		statement("https://example.com/"+hostile, `{"x":"\u001b]0;owned","y":1}`, evidence.Signer{Certificate: &evidence.Certificate{Subject: hostile}}),
		statement("https://example.com/text", "\x1b]0;owned\a", keyless), statement("https://example.com/list", `["x"]`, keyless))
	check := func(text string) {
		t.Helper()
		for _, line := range strings.Split(text, "\n") {
			if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) || len(line) > 1000 {
				t.Errorf("%d characters: %.60q", len(line), line)
			}
		}
	}
	code, out, errOut := w.as(t, teamA, "evidence", "checkout", "-n", teamA, "--assay-server", w.url)
	if check(out + errOut); code != 0 {
		t.Errorf("exit code %d: %s", code, errOut)
	}
	_, out, errOut = w.as(t, teamA, "evidence", "checkout", "-n", teamA, "-o", "json", "--assay-server", w.url)
	if strings.Contains(out, "\x1b") || !strings.Contains(errOut, "not printed: 2 that are no JSON objects (-o summary names them)\n") {
		t.Errorf("what is no JSON object is printed: %q, %q", out, errOut)
	}
	w.serve(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		e, _ := query.NewEvidenceWriter(out, query.Image{Namespace: hostile, Name: hostile, Reference: hostile})
		_ = e.Statement(query.Statement{PredicateType: hostile, Digest: hostile, Manifests: []string{hostile}, Signers: []query.Signer{{Key: hostile, LogEntry: hostile}}}, nil)
		_ = e.End(query.End{})
	}))
	_, out, errOut = w.as(t, teamA, "evidence", "checkout", "-n", teamA, "--assay-server", w.url)
	check(out + errOut)
	if got := string(escaped([]byte(provenanceText + "\u202e\U0001f4a9\x7f"))); !strings.HasSuffix(got, `"\u00e9 < b"}}\u202e\ud83d\udca9\u007f`) {
		t.Errorf("escaped: %s", got)
	}
}
