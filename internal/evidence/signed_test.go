// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package evidence_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// TestWhatIsKeptOfAStatementIsAllButItsBytes since a list of them is kept for years, and the statements beside it.
func TestWhatIsKeptOfAStatementIsAllButItsBytes(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 1, time.UTC)
	signed := evidence.Signed{
		PredicateType: "https://slsa.dev/provenance/v1", Manifests: []image.Digest{image.DigestOf([]byte("image"))}, Payload: image.DigestOf([]byte("statement")),
		Attached:  image.DigestOf([]byte("bundle")),
		Statement: []byte("statement"),
		Signer: evidence.Signer{
			Times:   []evidence.TrustedTime{{Time: at, By: evidence.WitnessLog}, {Time: at.Add(time.Second), By: evidence.WitnessTimestamp}},
			Entries: []evidence.LogEntry{{Log: "rekor.example.com", Index: 1 << 60, Kind: "dsse 0.0.1"}},
			Certificate: &evidence.Certificate{
				Subject: "a", Issuer: "b", Authority: "c", SourceRepository: "d", SourceRef: "e", SourceDigest: "f", Workflow: "g", WorkflowName: "h", Trigger: "i",
				NotBefore: at, NotAfter: at.Add(time.Hour),
			},
		},
	}
	key := evidence.Signed{PredicateType: evidence.SignaturePredicate, Payload: signed.Payload, Signer: evidence.Signer{Key: "11"}}
	content, err := json.Marshal([]evidence.Signed{signed, key})
	if err != nil {
		t.Fatal(err)
	}
	var kept []evidence.Signed
	if err := json.Unmarshal(content, &kept); err != nil {
		t.Fatal(err)
	}
	signed.Statement = nil
	for _, value := range []any{signed, *signed.Signer.Certificate, signed.Signer.Entries[0], signed.Signer.Times[0]} {
		for i, fields := 0, reflect.ValueOf(value); i < fields.NumField(); i++ {
			if name := fields.Type().Field(i).Name; fields.Field(i).IsZero() && name != "Statement" {
				t.Errorf("field %s of %T is not tested", name, value)
			}
		}
	}
	if diff := cmp.Diff([]evidence.Signed{signed, key}, kept, cmpopts.EquateComparable(image.Digest{})); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}
