// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"slices"
	"testing"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"

	"github.com/assay-dev/assay/internal/signature"
)

// Object identifiers of RFC 5280 for what a key may be used for.
var (
	extendedUsage = asn1.ObjectIdentifier{2, 5, 29, 37}
	forTimestamps = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
	forCode       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 3}
)

// stamper is a certificate of the given extended usages for who signs timestamps; it has none of them for none.
func stamper(t *testing.T, isAuthority, critical bool, usages ...asn1.ObjectIdentifier) x509.Certificate {
	t.Helper()
	template := x509.Certificate{Subject: pkix.Name{CommonName: "timestamp authority"}, KeyUsage: x509.KeyUsageDigitalSignature}
	if isAuthority {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageDigitalSignature|x509.KeyUsageCertSign
	}
	if len(usages) > 0 {
		value, err := asn1.Marshal(usages)
		if err != nil {
			t.Fatal(err)
		}
		template.ExtraExtensions = []pkix.Extension{{Id: extendedUsage, Critical: critical, Value: value}}
	}
	return template
}

// spliced puts bytes into DER, before those at a place, and makes everything around them so much longer.
func spliced(t *testing.T, der []byte, at int, inserted []byte) []byte {
	t.Helper()
	longer := bytes.Clone(der)
	for start := 0; start < at; {
		var element asn1.RawValue
		if _, err := asn1.Unmarshal(der[start:], &element); err != nil {
			t.Fatal(err)
		}
		if start+len(element.FullBytes) <= at {
			start += len(element.FullBytes)
			continue
		}
		header := len(element.FullBytes) - len(element.Bytes)
		if header != 4 || len(element.Bytes)+len(inserted) > 1<<16-1 {
			t.Fatalf("a header of %d bytes, whose length is not in two of them", header)
		}
		binary.BigEndian.PutUint16(longer[start+2:], uint16(len(element.Bytes)+len(inserted)))
		start += header
	}
	return slices.Insert(longer, at, inserted...)
}

// timestampingAnchors are those that demand a timestamp by the world's authority: known by its root alone, by its whole chain, and by
// a trust root.
func timestampingAnchors(w *world) map[string]signature.Anchor {
	return map[string]signature.Anchor{
		"its root":     {Key: w.key(), Timed: true, Timestamps: pemOf(w.tsaRoot.certificate)},
		"its chain":    {Key: w.key(), Timed: true, Timestamps: pemOf(w.tsa.certificate, w.tsaRoot.certificate)},
		"a trust root": {Key: w.key(), Timed: true, Root: w.trustRoot()},
	}
}

// TestCVE_2026_39984: a timestamp counts by the certificate of who signed it, which must be the trusted authority's, and for timestamps
// alone. SEC-25.
func TestCVE_2026_39984(t *testing.T) {
	w := newWorld(t, always, always, always)
	foreign := issue(t, nil, authorityTemplate("timestamp root"), always)
	good := stamper(t, false, true, forTimestamps)
	s := signing{statement: "{}", byKey: true, stamped: moment}
	for name, test := range map[string]struct {
		by    holder
		valid bool
	}{
		"for timestamps alone":                           {issue(t, &w.tsaRoot, good, always), true},
		"for nothing in particular":                      {issue(t, &w.tsaRoot, stamper(t, false, true), always), false},
		"for code":                                       {issue(t, &w.tsaRoot, stamper(t, false, true, forCode), always), false},
		"for timestamps and code":                        {issue(t, &w.tsaRoot, stamper(t, false, true, forTimestamps, forCode), always), false},
		"for timestamps and what nobody knows":           {issue(t, &w.tsaRoot, stamper(t, false, true, forTimestamps, asn1.ObjectIdentifier{1, 2, 3}), always), false},
		"for timestamps, and it may be overlooked":       {issue(t, &w.tsaRoot, stamper(t, false, false, forTimestamps), always), false},
		"for timestamps, and for issuing certificates":   {issue(t, &w.tsaRoot, stamper(t, true, true, forTimestamps), always), false},
		"of an authority that nobody knows":              {issue(t, &foreign, good, always), false},
		"of itself":                                      {issue(t, nil, good, always), false},
		"that had expired":                               {issue(t, &w.tsaRoot, good, window{moment.AddDate(-1, 0, 0), moment.AddDate(0, 0, -1)}), false},
		"that was not valid yet":                         {issue(t, &w.tsaRoot, good, window{moment.AddDate(0, 0, 1), moment.AddDate(1, 0, 0)}), false},
		"that issues timestamp authorities' certificate": {w.tsaRoot, false},
	} {
		other := *w
		other.tsa = test.by
		for how, anchor := range timestampingAnchors(w) {
			for _, form := range forms {
				t.Run("a certificate "+name+", known by "+how+": "+form, func(t *testing.T) {
					valid := test.valid && how == "its root" // the others know one certificate only
					if got, err := other.make(form, s).check(anchor); (err == nil) != valid {
						t.Errorf("%+v, %v", got, err)
					}
					if got, err := w.make(form, s).check(anchor); err != nil || len(got[0].Times) != 1 {
						t.Errorf("by the authority's own: %+v, %v", got, err)
					}
				})
			}
		}
	}
}

// TestCVE_2026_39984_AnotherCertificateBesideTheSigners: what was asked of the first certificate in a timestamp is asked of who signed it.
func TestCVE_2026_39984_AnotherCertificateBesideTheSigners(t *testing.T) {
	w := newWorld(t, always, always, always)
	foreign := issue(t, nil, authorityTemplate("timestamp root"), always)
	for name, by := range map[string]holder{
		"of the same authority, for code":   issue(t, &w.tsaRoot, stamper(t, false, true, forCode), always),
		"of an authority that nobody knows": issue(t, &foreign, stamper(t, false, true, forTimestamps), always),
	} {
		other := *w
		other.tsa = by
		message := other.message(signing{statement: "{}", byKey: true, stamped: moment})
		stamp := message.GetVerificationMaterial().GetTimestampVerificationData().GetRfc3161Timestamps()[0].GetSignedTimestamp()
		own, good := by.certificate.Raw, w.tsa.certificate.Raw
		first := spliced(t, stamp, bytes.Index(stamp, own), good)
		last := bytes.Replace(first, slices.Concat(good, own), slices.Concat(own, good), 1)
		if bytes.Equal(first, last) {
			t.Fatal("the certificates are in one order only")
		}
		for order, stamp := range map[string][]byte{"before": first, "after": last} {
			for how, anchor := range timestampingAnchors(w) {
				t.Run("the authority's certificate stands "+order+" one "+name+", known by "+how, func(t *testing.T) {
					message.GetVerificationMaterial().GetTimestampVerificationData().Rfc3161Timestamps = []*protocommon.RFC3161SignedTimestamp{{SignedTimestamp: stamp}}
					if got, err := check(t, anchor, bundleJSON(t, message)); err == nil {
						t.Errorf("verified: %+v", got)
					}
				})
			}
		}
	}
	// What is spliced in does no harm to a good one.
	message := w.message(signing{statement: "{}", byKey: true, stamped: moment})
	data := message.GetVerificationMaterial().GetTimestampVerificationData()
	stamp := data.GetRfc3161Timestamps()[0].GetSignedTimestamp()
	data.Rfc3161Timestamps[0].SignedTimestamp = spliced(t, stamp, bytes.Index(stamp, w.tsa.certificate.Raw), foreign.certificate.Raw)
	for how, anchor := range timestampingAnchors(w) {
		if _, err := check(t, anchor, bundleJSON(t, message)); err != nil {
			t.Errorf("by the authority, known by %s, with another certificate: %v", how, err)
		}
	}
}
