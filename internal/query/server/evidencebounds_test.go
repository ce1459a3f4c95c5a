// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/predicate"
	"github.com/assay-dev/assay/internal/query"
)

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
	about, err := image.ParseRepository(repository)
	if err != nil {
		t.Fatal(err)
	}
	w.put(t, digest("a"), evidence.StatementKind(digest(provenanceText), about), []byte(`{"forged":true}`))
	w.put(t, digest("a"), evidence.SignedKind("anchor-9", about), []byte(`of another version`))
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
