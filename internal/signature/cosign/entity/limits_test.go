// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"unicode"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"

	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
)

// TestLimits: what is over a limit is refused for that and for nothing that would be found out later. SEC-28.
func TestLimits(t *testing.T) {
	w := newWorld(t, always, always, always)
	message := func(change func(*protobundle.VerificationMaterial)) func() error {
		return func() error {
			m := w.message(signing{statement: "{}", stamped: moment, withIntermediate: true})
			change(m.GetVerificationMaterial())
			_, err := entity.FromBundle(bundleJSON(t, m))
			return err
		}
	}
	tagged := func(name, value string) func() error {
		return func() error {
			m := w.make(formSignature, signing{statement: "{}"})
			m.annotations["dev.sigstore.cosign/"+name] = value
			_, err := m.check(signature.Anchor{Root: w.trustRoot()})
			return err
		}
	}
	anchor := func(a signature.Anchor) func() error {
		return func() error {
			_, err := entity.NewChecker(a)
			return err
		}
	}
	large, stamp := make([]byte, 64<<20+1), make([]byte, 32<<10+1)
	for name, c := range map[string]struct {
		try  func() error
		want string
	}{
		"a bundle":    {func() error { _, err := entity.FromBundle(large); return err }, "a bundle of more than 67108864 bytes"},
		"an envelope": {func() error { _, err := entity.FromTaggedAttestation(large, nil); return err }, "an envelope of more than 67108864 bytes"},
		"a payload":   {func() error { _, err := entity.FromTaggedSignature(large, nil); return err }, "a payload of more than 67108864 bytes"},
		"nobody signed it": {func() error {
			_, err := entity.FromTaggedAttestation([]byte(`{"payload":"AAAA","payloadType":"x"}`), nil)
			return err
		}, "nobody signed"},
		"a certificate in a bundle": {message(func(m *protobundle.VerificationMaterial) {
			m.GetX509CertificateChain().GetCertificates()[1].RawBytes = stamp
		}), "a certificate of more than 32768 bytes"},
		"certificates in a bundle": {message(func(m *protobundle.VerificationMaterial) {
			chain := m.GetX509CertificateChain()
			for range 8 {
				chain.Certificates = append(chain.Certificates, chain.GetCertificates()[1])
			}
		}), "more than 8 certificates"},
		"a timestamp in a bundle": {message(func(m *protobundle.VerificationMaterial) {
			m.TimestampVerificationData.Rfc3161Timestamps = []*protocommon.RFC3161SignedTimestamp{{SignedTimestamp: stamp}}
		}), "a timestamp of more than 32768 bytes"},
		"an annotation":             {tagged("bundle", strings.Repeat(" ", 1<<20+1)), "has more than 1048576 bytes"},
		"certificates under a tag":  {tagged("certificate", string(pemOf(w.signer.certificate, w.signer.certificate))), "more than 1 certificates"},
		"a chain under a tag":       {tagged("chain", string(bytes.Repeat(pemOf(w.middle.certificate), 10))), "more than 9 certificates"},
		"a timestamp under a tag":   {tagged("rfc3161timestamp", `{"SignedRFC3161Timestamp":"`+base64.StdEncoding.EncodeToString(stamp)+`"}`), "a timestamp of more than 32768 bytes"},
		"certificates of an anchor": {anchor(signature.Anchor{Chain: bytes.Repeat(pemOf(w.root.certificate), 65)}), "more than 64 certificates"},
		"authorities of an anchor":  {anchor(signature.Anchor{Chain: bytes.Repeat(pemOf(w.root.certificate), 9)}), "more than 8 certificate authorities"},
		"an anchor's chain":         {anchor(signature.Anchor{Chain: large}), "more than 1048576 bytes"},
		"an anchor's trust root":    {anchor(signature.Anchor{Root: large}), "more than 1048576 bytes"},
		"an anchor's timestamps":    {anchor(signature.Anchor{Key: w.key(), Timestamps: large}), "more than 1048576 bytes"},
	} {
		if err := c.try(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestErrorsAreFitForPeople whatever is in the registry.
func TestErrorsAreFitForPeople(t *testing.T) {
	hostile := strings.Repeat("\x1b[31m\u202e", 200)
	_, err := entity.FromBundle([]byte(`{"mediaType":` + jsonOf(t, "application/vnd.dev.sigstore.bundle"+hostile) + `,"dsseEnvelope":{}}`))
	if err == nil {
		t.Fatal("read")
	}
	text := err.Error()
	if len(text) > 256 || !strings.Contains(text, "unsupported media type") || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("%d bytes: %q", len(text), text)
	}
}

// TestTimestampsWithoutACertificate are verified with the one that the anchor has of whoever made them.
func TestTimestampsWithoutACertificate(t *testing.T) {
	w := newWorld(t, always, always, always)
	w.sparse = true
	bundle := w.bundle(signing{statement: "{}", byKey: true, stamped: moment})
	if _, err := check(t, signature.Anchor{Key: w.key(), Timed: true, Timestamps: pemOf(w.tsa.certificate, w.tsaRoot.certificate)}, bundle); err != nil {
		t.Error(err)
	}
	rootOnly := signature.Anchor{Key: w.key(), Timed: true, Timestamps: pemOf(w.tsaRoot.certificate)}
	if got, err := check(t, rootOnly, bundle); err == nil {
		t.Errorf("nobody has the certificate: %+v", got)
	}
	w.sparse = false
	if _, err := check(t, rootOnly, w.bundle(signing{statement: "{}", byKey: true, stamped: moment})); err != nil {
		t.Errorf("the timestamp has it: %v", err)
	}
	others := newWorld(t, always, always, always)
	both := signature.Anchor{Key: w.key(), Timed: true, Timestamps: append(pemOf(others.tsa.certificate, others.tsaRoot.certificate), rootOnly.Timestamps...)}
	if _, err := check(t, both, w.bundle(signing{statement: "{}", byKey: true, stamped: moment})); err != nil {
		t.Errorf("the second of two authorities: %v", err)
	}
}
