// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/query"
)

func TestEvidenceIsReadAsItWasWritten(t *testing.T) {
	about := query.Image{Namespace: "prod", Name: "checkout", Standing: query.Trusted, Reference: "registry.example.com/shop/checkout@sha256:91ab"}
	statements := []query.Statement{
		{PredicateType: "https://slsa.dev/provenance/v1", Digest: "sha256:aa", Size: 5, Signers: []query.Signer{{Subject: "a", SignedAt: time.Unix(1, 0).UTC()}, {Key: "b"}}},
		{PredicateType: "https://sigstore.dev/cosign/sign/v1", Own: true, Digest: "sha256:bb", Manifests: []string{"sha256:cc"}},
	}
	contents := []string{"a\n\nb\n", ""}
	var wire bytes.Buffer
	w, err := query.NewEvidenceWriter(&wire, about)
	for i, s := range statements {
		err = errors.Join(err, w.Statement(s, []byte(contents[i])))
	}
	if err = errors.Join(err, w.End(query.End{More: true})); err != nil {
		t.Fatal(err)
	}
	var got []query.Statement
	read, end, err := query.ReadEvidence(&wire, func(s query.Statement, signed []byte) error {
		if string(signed) != contents[len(got)] || s.Follows != int64(len(signed)) {
			t.Errorf("statement %d with %q, of %d bytes", len(got), signed, s.Follows)
		}
		s.Follows = 0
		got = append(got, s)
		return nil
	})
	if diff := cmp.Diff(statements, got); diff != "" || read != about || end != (query.End{More: true}) || err != nil {
		t.Errorf("read about %+v, %+v, %v (-want +got):\n%s", read, end, err, diff)
	}
}

func TestHostileAnswersAreRefused(t *testing.T) {
	const image, end = `{"trustedImage":{"name":"a"}}` + "\n", `{"end":{}}` + "\n"
	statement := func(follows int64) string { return fmt.Sprintf(`{"statement":{"follows":%d}}`+"\n", follows) }
	for name, test := range map[string]struct {
		answer string
		handed int
		broken bool
	}{
		"nothing":                             {"", 0, true},
		"no image at first":                   {end, 0, false},
		"two images":                          {image + image + end, 0, false},
		"no end":                              {image + statement(0), 1, true},
		"what follows is cut":                 {image + statement(3) + "ab", 0, true},
		"what follows is longer than it says": {image + statement(1) + "ab\n" + end, 0, true},
		"less than nothing follows":           {image + statement(-1) + end, 0, false},
		"too much follows":                    {image + statement(query.MaxContents+1) + end, 0, false},
		"too much follows together":           {image + statement(2) + "ab\n" + statement(query.MaxContents-1) + end, 1, false},
		"too many statements":                 {image + strings.Repeat(statement(0), query.MaxStatements+1) + end, query.MaxStatements + 1, false},
		"a line without an end":               {image + strings.Repeat(" ", 2<<20), 0, false},
		"no JSON":                             {image + "<html>\n", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			handed := 0
			_, _, err := query.ReadEvidence(strings.NewReader(test.answer), func(query.Statement, []byte) error {
				handed++
				return nil
			})
			if err == nil || errors.Is(err, io.ErrUnexpectedEOF) != test.broken || handed != test.handed {
				t.Errorf("%d statements, %v", handed, err)
			}
		})
	}
}
