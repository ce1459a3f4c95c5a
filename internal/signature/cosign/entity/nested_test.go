// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"

	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
)

// enclosed is ASN.1 of about the size in which everything is in something else, with all lengths as they must be.
func enclosed(tag byte, size int) []byte {
	var backwards []byte
	for len(backwards) < size {
		length := len(backwards)
		switch {
		case length < 1<<7:
			backwards = append(backwards, byte(length))
		case length < 1<<8:
			backwards = append(backwards, byte(length), 0x81)
		case length < 1<<16:
			backwards = append(backwards, byte(length), byte(length>>8), 0x82)
		default:
			backwards = append(backwards, byte(length), byte(length>>8), byte(length>>16), 0x83)
		}
		backwards = append(backwards, tag)
	}
	slices.Reverse(backwards)
	return backwards
}

// TestCVE_2026_33818: readers of ASN.1 that call themselves for what is nested fell over. Whatever Assay reads of it, of a registry's and
// of a policy's, is refused soon: without an end, and with all lengths as they must be. SEC-34.
func TestCVE_2026_33818(t *testing.T) {
	w := newWorld(t, always, always, always)
	for name, content := range map[string][]byte{
		"sequences without an end":     nested(30 << 10),
		"more of them":                 nested(1 << 20),
		"sequences":                    enclosed(0x30, 30<<10),
		"more sequences":               enclosed(0x30, 1<<20),
		"sets":                         enclosed(0x31, 30<<10),
		"texts in parts":               enclosed(0x24, 30<<10),
		"what a context has":           enclosed(0xa0, 30<<10),
		"what a context has, and more": enclosed(0xa0, 1<<20),
	} {
		text := func(kind string) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}) }
		certificate := text("CERTIFICATE")
		bundled := func(change func(*protobundle.VerificationMaterial)) func() error {
			return func() error {
				message := w.message(signing{statement: "{}", stamped: moment, withIntermediate: true})
				change(message.GetVerificationMaterial())
				_, err := check(t, signature.Anchor{Root: w.trustRoot()}, bundleJSON(t, message))
				return err
			}
		}
		tagged := func(annotation, value string) func() error {
			return func() error {
				payload, annotations := w.taggedSignature(signing{statement: "{}", stamped: moment})
				annotations["dev.sigstore.cosign/"+annotation] = value
				signed, err := entity.FromTaggedSignature(payload, annotations)
				if err != nil {
					return err
				}
				checker, err := entity.NewChecker(signature.Anchor{Root: w.trustRoot()})
				if err != nil {
					t.Fatal(err)
				}
				_, err = checker.Check(signed)
				return err
			}
		}
		anchored := func(anchor signature.Anchor) func() error {
			return func() error {
				_, err := entity.NewChecker(anchor)
				return err
			}
		}
		for place, try := range map[string]func() error{
			"a bundle's certificate": bundled(func(m *protobundle.VerificationMaterial) {
				m.GetX509CertificateChain().Certificates[0] = &protocommon.X509Certificate{RawBytes: content}
			}),
			"a bundle's intermediate": bundled(func(m *protobundle.VerificationMaterial) {
				m.GetX509CertificateChain().Certificates[1] = &protocommon.X509Certificate{RawBytes: content}
			}),
			"a bundle's timestamp": bundled(func(m *protobundle.VerificationMaterial) {
				m.GetTimestampVerificationData().Rfc3161Timestamps[0].SignedTimestamp = content
			}),
			"a certificate under a tag":      tagged("certificate", string(certificate)),
			"a chain under a tag":            tagged("chain", string(certificate)),
			"a timestamp under a tag":        tagged("rfc3161timestamp", `{"SignedRFC3161Timestamp":"`+base64.StdEncoding.EncodeToString(content)+`"}`),
			"a policy's chain":               anchored(signature.Anchor{Chain: certificate}),
			"a policy's timestamps":          anchored(signature.Anchor{Key: w.key(), Timestamps: certificate}),
			"a policy's key":                 func() error { _, err := signature.ParseKey(text("PUBLIC KEY")); return err },
			"a policy's key of another kind": func() error { _, err := signature.ParseKey(text("RSA PUBLIC KEY")); return err },
		} {
			t.Run(place+" of "+name, func(t *testing.T) { refusedSoon(t, try) })
		}
	}
}

// TestCVE_2026_33818_Extensions: a certificate that the authority issued may have anything in its extensions. Nothing of what is nested comes
// to be what it says, and that is found out soon.
func TestCVE_2026_33818_Extensions(t *testing.T) {
	w := newWorld(t, always, always, always)
	for name, id := range map[string]asn1.ObjectIdentifier{
		"names": {2, 5, 29, 17}, "names that are allowed": {2, 5, 29, 30}, "policies": {2, 5, 29, 32}, "places of lists": {2, 5, 29, 31},
		"the issuer": {1, 3, 6, 1, 4, 1, 57264, 1, 8}, "timestamps of logs": {1, 3, 6, 1, 4, 1, 11129, 2, 4, 2},
	} {
		t.Run(name, func(t *testing.T) {
			template := leafTemplate(t)
			template.URIs = nil
			template.ExtraExtensions = []pkix.Extension{{Id: id, Value: enclosed(0x30, 30<<10)}}
			other := *w
			other.signer = issueUnread(t, &w.middle, template)
			bundle := other.bundle(signing{statement: "{}", stamped: moment})
			anchor := signature.Anchor{Root: w.trustRoot()}
			soon(t, func() {
				got, err := check(t, anchor, bundle)
				if errors.Is(err, entity.ErrPanicked) || err == nil && (got[0].Certificate.Subject != "" || got[0].Certificate.Issuer != "") {
					t.Errorf("%+v, %v", got, err)
				}
			})
		})
	}
}

// issueUnread issues a certificate that Go itself may not be able to read.
func issueUnread(t *testing.T, issuer *holder, template x509.Certificate) holder {
	t.Helper()
	key := newKey(t)
	template.NotBefore, template.NotAfter, template.SerialNumber = always.from, always.to, big.NewInt(3)
	der, err := x509.CreateCertificate(rand.Reader, &template, issuer.certificate, &key.PublicKey, issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	return holder{&x509.Certificate{Raw: der}, key}
}

// refusedSoon says that something is refused, and soon.
func refusedSoon(t *testing.T, try func() error) {
	t.Helper()
	soon(t, func() {
		if err := try(); err == nil || errors.Is(err, entity.ErrPanicked) {
			t.Errorf("got %v", err)
		}
	})
}

// soon says that something does not take long, the fastest of three times: there may be other work beside.
func soon(t *testing.T, try func()) {
	t.Helper()
	took := atMost
	for range 3 {
		start := time.Now()
		try()
		took = min(took, time.Since(start))
	}
	if took >= atMost {
		t.Errorf("it took %s or longer", took)
	}
}
