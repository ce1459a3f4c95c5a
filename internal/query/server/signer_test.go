// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/query"
	"github.com/assay-dev/assay/internal/query/fake"
)

// TestWhatAssaySignsWithoutAKeyNamesItsCertificate reads a bundle as a keyless signer makes it.
func TestWhatAssaySignsWithoutAKeyNamesItsCertificate(t *testing.T) {
	statement := fmt.Sprintf(`{"subject":[{"name":%q}]}`, repository)
	const signed = `"dsseEnvelope":{"payload":"%s","payloadType":"application/vnd.in-toto+json"}`
	encode := base64.StdEncoding.EncodeToString
	for name, test := range map[string]struct {
		material string
		want     query.Signer
	}{
		"a certificate of Fulcio's, logged": {
			`{"certificate":{"rawBytes":"` + encode(certificate(t, "https://kubernetes.default.svc")) +
				`"},"tlogEntries":[{"logIndex":"42","integratedTime":"1763625600","logId":{"keyId":"q80="}}]}`,
			query.Signer{
				Subject: "https://example.com/assay", Issuer: "https://kubernetes.default.svc", LogEntry: "abcd 42",
				SignedAt: time.Date(2025, 11, 20, 8, 0, 0, 0, time.UTC), SignedAtBy: "transparency log",
			},
		},
		"a log that says no time":               {`{"tlogEntries":[{"logIndex":"42","logId":{"keyId":"q80="}}]}`, query.Signer{LogEntry: "abcd 42"}},
		"a certificate without an issuer":       {`{"certificate":{"rawBytes":"` + encode(certificate(t, "")) + `"}}`, query.Signer{Subject: "https://example.com/assay"}},
		"a certificate that cannot be read":     {`{"certificate":{"rawBytes":"AAAA"}}`, query.Signer{}},
		"a key":                                 {`{"publicKey":{"hint":"q80="}}`, query.Signer{Key: "abcd"}},
		"a key with a hint of another spelling": {`{"publicKey":{"hint":"my key"}}`, query.Signer{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, &fake.Index{}, trusting("team-a", "checkout", "a"))
			w.reviews.rights["ann"] = []string{"team-a/checkout"}
			bundle := `{"verificationMaterial":` + test.material + "," + fmt.Sprintf(signed, encode([]byte(statement))) + "}"
			w.put(t, digest("a"), evidence.SealKind(evidence.Environment{Namespace: "team-a", Name: "checkout"}), []byte(bundle))
			_, all, end := w.evidence(t, "ann", query.NamespaceParameter, "team-a", query.NameParameter, "checkout")
			if len(all) != 1 || all[0].PredicateType != attestation.PredicateSeal || all[0].Digest != digest(statement).String() {
				t.Fatalf("got %+v, %+v", all, end)
			}
			if diff := cmp.Diff([]query.Signer{test.want}, all[0].Signers); diff != "" {
				t.Errorf("signer (-want +got):\n%s", diff)
			}
		})
	}
}

// certificate is one as Fulcio issues it, with the issuer of the token in an extension unless that is empty.
func certificate(t *testing.T, issuer string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), URIs: []*url.URL{{Scheme: "https", Host: "example.com", Path: "/assay"}}}
	if issuer != "" {
		value, err := asn1.MarshalWithParams(issuer, "utf8")
		if err != nil {
			t.Fatal(err)
		}
		template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}, Value: value}}
	}
	content, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
