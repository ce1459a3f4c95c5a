// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package predicate_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/assay-dev/assay/internal/predicate"
)

// FuzzParse looks for a statement that Assay reads otherwise than encoding/json, of whose readers there are many.
func FuzzParse(f *testing.F) {
	f.Add([]byte(plainStatement))
	f.Add([]byte(strings.Replace(plainStatement, `{"a":1}`, `{"a":[1e3,{"b":null}]}`, 1)))
	f.Add([]byte(strings.Replace(plainStatement, `"subject"`, `"subject":[],"Subject"`, 1)))
	f.Fuzz(func(t *testing.T, document []byte) {
		statement, err := predicate.Parse(document)
		if err != nil {
			if !errors.Is(err, predicate.ErrMalformed) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(document, &members); err != nil {
			t.Fatalf("others refuse it: %v", err)
		}
		var predicateType string
		if json.Unmarshal(members["predicateType"], &predicateType) != nil || predicateType != statement.PredicateType {
			t.Errorf("others read the type %q, Assay %q", predicateType, statement.PredicateType)
		}
	})
}

// FuzzPredicates looks for a predicate that makes a reader panic, or return what is not bounded.
func FuzzPredicates(f *testing.F) {
	f.Add([]byte(provenanceV02))
	f.Add([]byte(provenanceV1))
	f.Add([]byte(`{"verifier":{"id":"x"},"verificationResult":"PASSED","result":"WARNED","scanner":{},"Data":{"bomFormat":"CycloneDX","specVersion":"1.6"}}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		_, decodeErr := predicate.Decode(document)
		for _, predicateType := range []string{predicate.ProvenanceV02, predicate.ProvenanceV1} {
			provenance, err := predicate.ParseProvenance(predicateType, document)
			if err != nil {
				continue
			}
			if provenance.Builder == "" || len(provenance.Sources) > 5 {
				t.Errorf("got %v", provenance)
			}
			for _, source := range provenance.Sources {
				if source.URI == "" || len(source.URI) > 8192 {
					t.Errorf("got the source %q", source.URI)
				}
			}
			if decodeErr != nil {
				t.Errorf("it is provenance and no object: %v", decodeErr)
			}
		}
		_, _ = predicate.ParseSummary(document)
		_, _ = predicate.ParseScan(document)
		_, _ = predicate.ParseTestResult(document)
		_ = predicate.CheckSBOM(predicate.SPDX, document)
		_ = predicate.CheckSBOM(predicate.CycloneDX, document)
	})
}

// FuzzSameSource looks for a source that is the same as one of another host or path.
func FuzzSameSource(f *testing.F) {
	f.Add("git+https://github.com/shop/checkout@refs/heads/main")
	f.Add("https://github.com@evil.example/shop/checkout")
	f.Add("https://bot@GitHub.com/shop/checkout.git/#x:y")
	f.Fuzz(func(t *testing.T, got string) {
		if predicate.SameSource("https://github.com/shop/checkout", got) &&
			!strings.Contains(strings.ToLower(got), "github.com/shop/checkout") {
			t.Errorf("%q is the same", got)
		}
	})
}
