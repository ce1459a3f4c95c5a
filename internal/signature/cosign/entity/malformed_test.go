// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
)

// TestCVE_2026_39395: a malformed envelope is no attestation, in either form, and never a signature over something that reads as fine.
// The key did sign the payload of each, as far as it can be read. SEC-23.
func TestCVE_2026_39395(t *testing.T) {
	w := newWorld(t, always, always, always)
	text, sig := w.envelope(signing{statement: `{"a":1}`})
	good := string(text)
	payload, signed := base64.StdEncoding.EncodeToString([]byte(`{"a":1}`)), base64.StdEncoding.EncodeToString(sig)
	other := base64.StdEncoding.EncodeToString([]byte(`{"b":2}`))
	envelope := func(payload, payloadType, signatures string) string {
		return fmt.Sprintf(`{"payload":%s,"payloadType":%s,"signatures":%s}`, payload, payloadType, signatures)
	}
	quote := func(text string) string { return `"` + text + `"` }
	p, kind, sigs := quote(payload), quote(payloadType), `[{"sig":"`+signed+`"}]`
	if !verifies(w, good) || !verifies(w, envelope(p, kind, sigs)) {
		t.Fatal("the envelope does not verify as it is")
	}
	for name, malformed := range map[string]string{
		"nothing":                             "",
		"null":                                "null",
		"a number":                            "1",
		"a list":                              "[" + good + "]",
		"a string":                            quote("x"),
		"an empty object":                     "{}",
		"cut off":                             good[:len(good)-1],
		"text after it":                       good + "x",
		"another after it":                    good + good,
		"a comment before it":                 "/* */" + good,
		"a byte order mark":                   "\xef\xbb\xbf" + good,
		"single quotes":                       strings.ReplaceAll(good, `"`, `'`),
		"invalid UTF-8 in a name":             strings.Replace(good, `"payload"`, "\"payload\xff\"", 1),
		"invalid UTF-8 beside":                `{"x":"` + "\xff" + `",` + good[1:],
		"invalid UTF-8 in the type":           envelope(p, quote(payloadType+"\xff"), sigs),
		"no payload":                          `{"payloadType":` + kind + `,"signatures":` + sigs + `}`,
		"an empty payload":                    envelope(`""`, kind, sigs),
		"a null payload":                      envelope("null", kind, sigs),
		"a number for a payload":              envelope("1", kind, sigs),
		"an object for a payload":             envelope(`{"a":1}`, kind, sigs),
		"a list for a payload":                envelope(`["`+payload+`"]`, kind, sigs),
		"bad base64":                          envelope(quote("!"+payload), kind, sigs),
		"base64 cut off":                      envelope(quote(payload[:len(payload)-3]), kind, sigs),
		"base64 after the padding":            envelope(quote(payload+payload), kind, sigs),
		"another payload":                     envelope(quote(other), kind, sigs),
		"two payloads":                        `{"payload":` + quote(other) + `,` + good[1:],
		"two payloads, the signed one first":  good[:len(good)-1] + `,"payload":` + quote(other) + `}`,
		"two payloads, one escaped":           `{"pay\u006coad":` + quote(other) + `,` + good[1:],
		"the payload in capitals only":        strings.Replace(good, `"payload"`, `"Payload"`, 1),
		"no type":                             `{"payload":` + p + `,"signatures":` + sigs + `}`,
		"an empty type":                       envelope(p, `""`, sigs),
		"a null type":                         envelope(p, "null", sigs),
		"a number for a type":                 envelope(p, "1", sigs),
		"another type":                        envelope(p, quote("application/json"), sigs),
		"a type in capitals":                  envelope(p, quote(strings.ToUpper(payloadType)), sigs),
		"a type with a space":                 envelope(p, quote(payloadType+" "), sigs),
		"a type with part of the payload":     envelope(quote(base64.StdEncoding.EncodeToString([]byte(`"a":1}`))), quote(payloadType+" 7 {"), sigs),
		"two types":                           `{"payloadType":"x",` + good[1:],
		"no signatures":                       `{"payload":` + p + `,"payloadType":` + kind + `}`,
		"null for signatures":                 envelope(p, kind, "null"),
		"an empty list of signatures":         envelope(p, kind, "[]"),
		"an object for signatures":            envelope(p, kind, `{"sig":"`+signed+`"}`),
		"a string for signatures":             envelope(p, kind, quote(signed)),
		"a null signature":                    envelope(p, kind, "[null]"),
		"a list for a signature":              envelope(p, kind, `[["`+signed+`"]]`),
		"an empty signature":                  envelope(p, kind, `[{"sig":""}]`),
		"an empty signature beside":           envelope(p, kind, `[{"sig":""},{"sig":"`+signed+`"}]`),
		"no signature in the object":          envelope(p, kind, `[{"keyid":"x"}]`),
		"a signature in capitals":             envelope(p, kind, `[{"SIG":"`+signed+`"}]`),
		"a signature with bad base64":         envelope(p, kind, `[{"sig":"!`+signed+`"}]`),
		"two values of a signature":           envelope(p, kind, `[{"sig":"AAAA","sig":"`+signed+`"}]`),
		"two lists of signatures":             `{"signatures":[],` + good[1:],
		"17 signatures":                       envelope(p, kind, `[`+strings.Repeat(`{"sig":"AAAA"},`, 16)+sigs[1:]),
		"100,000 signatures":                  envelope(p, kind, `[`+strings.Repeat(`{"sig":"AAAA"},`, 99_999)+sigs[1:]),
		"a signature with a byte more":        envelope(p, kind, `[{"sig":"`+base64.StdEncoding.EncodeToString(append(sig[:len(sig):len(sig)], 0))+`"}]`),
		"a signature with a byte less":        envelope(p, kind, `[{"sig":"`+base64.StdEncoding.EncodeToString(sig[:len(sig)-1])+`"}]`),
		"a huge number beside a known field":  envelope("1e999999999", kind, sigs),
		"deep lists for a payload":            envelope(strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000), kind, sigs),
		"deep objects for signatures":         envelope(p, kind, strings.Repeat(`{"a":`, 10_000)+"1"+strings.Repeat("}", 10_000)),
		"lists that are deep and never close": envelope(p, kind, strings.Repeat("[", 1_000_000)),
		"a payload with control characters":   envelope(quote(payload[:4]+"\x00"+payload[4:]), kind, sigs),
		"a million spaces and no more":        strings.Repeat(" ", 1_000_000),
	} {
		t.Run(name, func(t *testing.T) {
			if verifies(w, malformed) {
				t.Error("verified")
			}
		})
	}
}

// verifies says that the envelope verifies with the key of the world, under a tag or in a bundle.
func verifies(w *world, envelope string) bool {
	w.t.Helper()
	checker, err := entity.NewChecker(signature.Anchor{Key: w.key()})
	if err != nil {
		w.t.Fatal(err)
	}
	if signed, err := entity.FromTaggedAttestation([]byte(envelope), nil); err == nil {
		if _, err := checker.Check(signed); err == nil {
			return true
		}
	}
	bundle := `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"x"}},"dsseEnvelope":` + envelope + `}`
	signed, err := entity.FromBundle([]byte(bundle))
	if err != nil {
		return false
	}
	_, err = checker.Check(signed)
	return err == nil
}

// TestAnEnvelopeMustSaySomething: the key signed no payload at all, and a payload of no type.
func TestAnEnvelopeMustSaySomething(t *testing.T) {
	w := newWorld(t, always, always, always)
	for name, c := range map[string]struct {
		payloadType, payload string
		valid                bool
	}{
		"a payload of another type": {"text/plain", "{}", true},
		"no payload":                {payloadType, "", false},
		"a payload of no type":      {"", "{}", false},
	} {
		envelope := jsonOf(t, dsse.Envelope{
			PayloadType: c.payloadType, Payload: base64.StdEncoding.EncodeToString([]byte(c.payload)),
			Signatures: []dsse.Signature{{Sig: base64.StdEncoding.EncodeToString(w.sign(dsse.PAE(c.payloadType, []byte(c.payload))))}},
		})
		if got := verifies(w, envelope); got != c.valid {
			t.Errorf("%s: %v", name, got)
		}
		if read, err := entity.FromTaggedAttestation([]byte(envelope), nil); c.valid && (err != nil || read.IsStatement() || string(read.Payload()) != c.payload) {
			t.Errorf("%s: %v, %q, %v", name, read.IsStatement(), read.Payload(), err)
		}
	}
	read, err := entity.FromBundle(w.bundle(signing{statement: "{}"}))
	if err != nil || !read.IsStatement() || string(read.Payload()) != "{}" {
		t.Errorf("a statement: %v, %q, %v", read.IsStatement(), read.Payload(), err)
	}
	payload, annotations := w.taggedSignature(signing{statement: "{}"})
	if read, err = entity.FromTaggedSignature(payload, annotations); err != nil || read.IsStatement() || string(read.Payload()) != "{}" {
		t.Errorf("a tagged signature: %v, %q, %v", read.IsStatement(), read.Payload(), err)
	}
}
