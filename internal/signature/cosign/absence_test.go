// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// TestWhatIsNoSignatureByTheKey: the registry answered, and there is no signature by the key over the digest.
func TestWhatIsNoSignatureByTheKey(t *testing.T) {
	k, stranger := p256(t), p256(t)
	const none = ""
	const others = "1 signature by others"
	const unusable = "1 unusable signature or attestation: "
	elsewhere := func(w *world) image.Reference {
		return image.Reference{Repository: w.reference.Repository, Digest: image.DigestOf([]byte("another image"))}
	}
	// tampered is a signature over one payload, shown with another.
	tampered := func(w *world, old, with string) {
		text := k.payload(w.reference)
		if !bytes.Contains(text, []byte(old)) {
			t.Fatalf("%s has no %s", text, old)
		}
		w.tag(bytes.Replace(text, []byte(old), []byte(with), 1), k.sign(text))
	}
	// odd is a payload that the key did sign.
	odd := func(w *world, old, with string) {
		text := bytes.Replace(k.payload(w.reference), []byte(old), []byte(with), 1)
		w.tag(text, k.sign(text))
	}
	says := func(w *world, old, with string) {
		text := signStatement(w.reference)
		if !strings.Contains(text, old) {
			t.Fatalf("%s has no %s", text, old)
		}
		w.bundle(k.bundle(strings.Replace(text, old, with, 1)), signPredicate)
	}
	cases := map[string]struct {
		arrange func(*world)
		want    string
	}{
		"nothing at all":           {func(*world) {}, none},
		"a tag without signatures": {func(w *world) { w.layers = []image.Descriptor{} }, none},

		"tag: a signature by another key": {func(w *world) {
			w.tag(stranger.payload(w.reference), stranger.sign(stranger.payload(w.reference)))
		}, others},
		"tag, SEC-20 CVE-2022-23649 CVE-2026-22703: a signature by another key with a log entry pasted on": {func(w *world) {
			w.tag(stranger.payload(w.reference), stranger.sign(stranger.payload(w.reference)))
			w.layers[0].Annotations["dev.sigstore.cosign/bundle"] = `{"SignedEntryTimestamp":"","Payload":{"body":"","integratedTime":1,"logIndex":1,"logID":""}}`
		}, others},
		"tag, SEC-21 CVE-2022-36056: a signature over another digest": {func(w *world) {
			text := k.payload(elsewhere(w))
			w.tag(text, k.sign(text))
		}, unusable},
		"tag, SEC-29: the payload of one signature with the signature of another": {func(w *world) {
			w.tag(k.payload(w.reference), k.sign(k.payload(elsewhere(w))))
		}, others},
		"tag: a payload that was changed in its digest": {func(w *world) {
			text := k.payload(elsewhere(w))
			w.tag(k.payload(w.reference), k.sign(text))
		}, others},
		"tag: a payload that was changed in its reference": {func(w *world) { tampered(w, "shop/checkout", "shop/cart") }, others},
		"tag: a payload with a space more":                 {func(w *world) { tampered(w, `{"critical"`, ` {"critical"`) }, others},
		"tag: a payload of another type":                   {func(w *world) { odd(w, "cosign container image signature", "atomic container signature") }, unusable},
		"tag, SEC-23: a digest that occurs twice": {func(w *world) {
			odd(w, `"docker-manifest-digest"`, `"docker-manifest-digest":"`+elsewhere(w).Digest.String()+`","docker-manifest-digest"`)
		}, unusable},
		"tag, SEC-23: a digest in another case": {func(w *world) { odd(w, `"docker-manifest-digest"`, `"Docker-Manifest-Digest"`) }, unusable},
		"tag, SEC-23: bytes that are not UTF-8": {func(w *world) { odd(w, `"optional"`, "\"\xff\"") }, unusable},
		"tag, SEC-23: text after the document":  {func(w *world) { odd(w, `{"critical"`, `{}{"critical"`) }, unusable},
		"tag, SEC-23: nesting 10,000 deep": {func(w *world) {
			odd(w, `"optional":null`, `"optional":`+strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000))
		}, unusable},
		"tag, SEC-23: an empty payload": {func(w *world) { w.tag(nil, k.sign(nil)) }, unusable},
		"tag: a signature in truncated base64": {func(w *world) {
			w.tag(k.payload(w.reference), k.sign(k.payload(w.reference)))
			sig := w.layers[0].Annotations["dev.cosignproject.cosign/signature"]
			w.layers[0].Annotations["dev.cosignproject.cosign/signature"] = sig[:len(sig)-3]
		}, unusable},
		"tag: no signature beside the payload": {func(w *world) {
			w.tag(k.payload(w.reference), nil)
			w.layers[0].Annotations = nil
		}, unusable},
		"tag: a layer of another media type": {func(w *world) {
			w.tag(k.payload(w.reference), k.sign(k.payload(w.reference)))
			w.layers[0].MediaType = "application/vnd.dsse.envelope.v1+json"
		}, unusable},
		"tag: an index": {func(w *world) {
			w.tag(k.payload(w.reference), k.sign(k.payload(w.reference)))
			w.index = true
		}, unusable},
		"tag: a payload that is gone": {func(w *world) {
			w.tag(k.payload(w.reference), k.sign(k.payload(w.reference)))
			clear(w.blobs)
		}, unusable},

		"bundle: a signature by another key": {func(w *world) { w.bundle(stranger.bundle(signStatement(w.reference)), signPredicate) }, others},
		"bundle: another key's signature with this key's hint": {func(w *world) {
			hint := base64.StdEncoding.EncodeToString([]byte(k.key.Fingerprint))
			w.bundle(change(t, stranger.bundle(signStatement(w.reference)), hint, "verificationMaterial", "publicKey", "hint"), signPredicate)
		}, others},
		"bundle, SEC-21: a certificate that anybody can make, over the stranger's key": {func(w *world) {
			material := map[string]any{"certificate": map[string]string{"rawBytes": base64.StdEncoding.EncodeToString(selfSigned(t))}}
			w.bundle(change(t, stranger.bundle(signStatement(w.reference)), material, "verificationMaterial"), signPredicate)
		}, others},
		"bundle, SEC-22 CVE-2022-35929 CVE-2022-35930: an attestation": {func(w *world) {
			w.bundle(k.bundle(statement("https://in-toto.io/Statement/v1", "https://cosign.sigstore.dev/attestation/vuln/v1", w.reference.Digest.Hex())), signPredicate)
		}, none},
		"bundle, SEC-22: an attestation that says so": {func(w *world) {
			w.bundle(k.bundle(statement("https://in-toto.io/Statement/v1", "https://spdx.dev/Document", w.reference.Digest.Hex())), "https://spdx.dev/Document")
		}, none},
		"bundle, SEC-22: a predicate type with a slash":    {func(w *world) { says(w, signPredicate, signPredicate+"/") }, none},
		"bundle, SEC-22: a predicate type in another case": {func(w *world) { says(w, signPredicate, strings.ToUpper(signPredicate)) }, none},
		"bundle, SEC-22: two predicate types": {func(w *world) {
			says(w, `"predicateType"`, `"predicateType":"https://spdx.dev/Document","predicateType"`)
		}, unusable},
		"bundle, SEC-22: a predicate type in a field in another case": {func(w *world) { says(w, `"predicateType"`, `"PredicateType"`) }, none},
		"bundle, SEC-22: another _type":                               {func(w *world) { says(w, "Statement/v1", "Statement/v0.1") }, unusable},
		"bundle: another digest as the subject":                       {func(w *world) { says(w, w.reference.Digest.Hex(), elsewhere(w).Digest.Hex()) }, unusable},
		"bundle, SEC-33: a subject by SHA-1 alone":                    {func(w *world) { says(w, `"sha256"`, `"sha1"`) }, unusable},
		"bundle: no subject": {func(w *world) {
			says(w, `"subject":[{"digest":{"sha256":"`+w.reference.Digest.Hex()+`"}}]`, `"subject":[]`)
		}, unusable},
		"bundle: a second subject": {func(w *world) {
			says(w, `"}}]`, `"}},{"digest":{"sha256":"`+elsewhere(w).Digest.Hex()+`"}}]`)
		}, unusable},
		"bundle: two subjects": {func(w *world) {
			says(w, `"subject":[`, `"subject":[{"digest":{"sha256":"`+elsewhere(w).Digest.Hex()+`"}},`)
		}, unusable},
		"bundle: a payload that was changed": {func(w *world) {
			good := k.bundle(signStatement(elsewhere(w)))
			w.bundle(change(t, good, base64.StdEncoding.EncodeToString([]byte(signStatement(w.reference))), "dsseEnvelope", "payload"), signPredicate)
		}, others},
		"bundle: a payload of another type": {func(w *world) {
			w.bundle(k.bundleOfType("application/json", signStatement(w.reference)), signPredicate)
		}, unusable},
		"bundle of another version": {func(w *world) {
			w.bundle(change(t, k.bundle(signStatement(w.reference)), "application/vnd.dev.sigstore.bundle.v0.4+json", "mediaType"), signPredicate)
		}, unusable},
		"bundle, SEC-23: no signature": {func(w *world) {
			w.bundle(change(t, k.bundle(signStatement(w.reference)), []any{}, "dsseEnvelope", "signatures"), signPredicate)
		}, unusable},
		"bundle, SEC-23: two signatures": {func(w *world) {
			sig := base64.StdEncoding.EncodeToString(k.sign([]byte("x")))
			w.bundle(change(t, k.bundle(signStatement(w.reference)), []any{map[string]string{"sig": sig}, map[string]string{"sig": sig}}, "dsseEnvelope", "signatures"), signPredicate)
		}, others},
		"bundle, SEC-23: truncated base64": {func(w *world) {
			w.bundle(change(t, k.bundle(signStatement(w.reference)), "e", "dsseEnvelope", "payload"), signPredicate)
		}, unusable},
		"bundle, SEC-23: an empty payload": {func(w *world) { w.bundle(k.bundle(""), signPredicate) }, unusable},
		"bundle, SEC-23: two payloads": {func(w *world) {
			good := string(k.bundle(signStatement(w.reference)))
			w.bundle([]byte(strings.Replace(good, `"payloadType"`, `"payload":"e30=", "payloadType"`, 1)), signPredicate)
		}, unusable},
		"bundle, SEC-23: two envelopes": {func(w *world) {
			good := string(k.bundle(signStatement(w.reference)))
			w.bundle([]byte(strings.Replace(good, `"dsseEnvelope"`, `"dsseEnvelope":{}, "dsseEnvelope"`, 1)), signPredicate)
		}, unusable},
		"bundle, SEC-23: an envelope and a message signature": {func(w *world) {
			good := string(k.bundle(signStatement(w.reference)))
			w.bundle([]byte(strings.Replace(good, `"dsseEnvelope"`, `"messageSignature":{}, "dsseEnvelope"`, 1)), signPredicate)
		}, unusable},
		"bundle, SEC-23: a message signature over the digest": {func(w *world) {
			raw := k.bundle(signStatement(w.reference))
			raw = change(t, raw, nil, "dsseEnvelope")
			w.bundle(change(t, raw, map[string]any{"signature": base64.StdEncoding.EncodeToString(k.sign([]byte(w.reference.Digest.String())))}, "messageSignature"), signPredicate)
		}, unusable},
		"bundle, SEC-23: bytes that are not UTF-8":    {func(w *world) { says(w, `"_type"`, "\"\xff\":1,\"_type\"") }, unusable},
		"bundle, SEC-23: a statement of huge numbers": {func(w *world) { says(w, `"_type":"https://in-toto.io/Statement/v1"`, `"_type":1e999999`) }, unusable},
		"bundle, SEC-23: nesting 10,000 deep":         {func(w *world) { w.bundle([]byte(strings.Repeat(`{"a":`, 20_000)), signPredicate) }, unusable},
		"bundle that is nothing of the kind":          {func(w *world) { w.bundle([]byte("hello"), signPredicate) }, unusable},
		"bundle that is gone": {func(w *world) {
			w.bundle(k.bundle(signStatement(w.reference)), signPredicate)
			clear(w.blobs)
		}, unusable},

		"referrer that is gone": {func(w *world) {
			w.bundle(k.bundle(signStatement(w.reference)), signPredicate)
			clear(w.documents)
		}, none},
		"referrer of a kind that is not taken": {func(w *world) {
			w.bundle(k.bundle(signStatement(w.reference)), signPredicate)
			w.fail = func(request string) error {
				if request == "document" && len(w.requests) == 3 {
					return registry.NewError(registry.KindUnsupported, nil, "an artifact manifest")
				}
				return nil
			}
		}, none},
		"referrers that the registry knows nothing of": {func(w *world) {
			w.fail = func(request string) error {
				if request == "referrers" && len(w.requests) == 2 {
					return registry.NewError(registry.KindNotFound, nil, "no such repository")
				}
				return nil
			}
		}, none},
		"referrer that is an index": {func(w *world) {
			w.bundle(k.bundle(signStatement(w.reference)), signPredicate)
			w.documents[w.referrers[0].Digest] = image.Document{Index: &image.Index{}}
		}, none},
		"referrer with something else in it": {func(w *world) { w.refer(w.put("application/spdx+json", []byte("{}"), nil), nil) }, none},
		"SEC-28 referrer with an SBOM larger than any signature": {func(w *world) {
			w.refer(image.Descriptor{MediaType: bundleV03, Size: 2 << 30}, map[string]string{"dev.sigstore.bundle.predicateType": "https://spdx.dev/Document"})
		}, none},
		"a bit of everything": {func(w *world) {
			w.tag(stranger.payload(w.reference), stranger.sign(stranger.payload(w.reference)))
			w.bundle(stranger.bundle(signStatement(w.reference)), signPredicate)
			w.bundle([]byte("hello"), signPredicate)
		}, "2 signatures by others and 1 unusable one: "},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.arrange(w)
			got := w.verify(k)
			if len(got.Signed) > 0 || got.Rest.State != evidence.Known {
				t.Errorf("got %+v, want it known that there is none", got)
			}
			// A sentence that gives no reason is whole.
			if told := got.Rest.Value; !strings.HasPrefix(told, c.want) || !strings.HasSuffix(c.want, ": ") && told != c.want {
				t.Errorf("it tells %q, want %q", told, c.want)
			}
			const hint = "no signature found: sign it with cosign sign --key <key> registry.example.com/shop/checkout@sha256:"
			if (c.want == none) != strings.HasPrefix(got.Rest.Message, hint) {
				t.Errorf("it says %q", got.Rest.Message)
			}
			if len(got.Rest.Value) > 256 || strings.ContainsFunc(got.Rest.Value, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q is not fit for a status", got.Rest.Value)
			}
			// What is wrong with others must not keep the key's own signature from being found.
			for form, add := range map[string]func(){
				"under the tag": func() { w.tag(k.payload(w.reference), k.sign(k.payload(w.reference))) },
				"as a bundle":   func() { w.bundle(k.bundle(signStatement(w.reference)), signPredicate) },
			} {
				tag, referrers := w.layers, w.referrers
				w.index = false
				if add(); !isSigned(w.verify(k), k.key, w.reference) {
					t.Errorf("a good signature %s beside it is not found: %+v", form, w.verify(k))
				}
				w.layers, w.referrers = tag, referrers
			}
		})
	}
}

// selfSigned is a certificate in DER form.
func selfSigned(t *testing.T) []byte {
	t.Helper()
	private := ecdsaPrivate(t, elliptic.P256())
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
