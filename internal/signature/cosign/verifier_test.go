// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign"
)

var verified = evidence.Checked(evidence.Signature{Verified: true})

func TestEveryKindOfKeyVerifiesInBothForms(t *testing.T) {
	for name, k := range allKinds(t) {
		t.Run(name+" under the tag", func(t *testing.T) {
			w := newWorld(t)
			message := k.payload(w.reference)
			w.tag(message, k.sign(message))
			if diff := cmp.Diff(verified, w.verify(k)); diff != "" {
				t.Error(diff)
			}
		})
		t.Run(name+" as a bundle", func(t *testing.T) {
			w := newWorld(t)
			w.bundle(k.bundle(signStatement(w.reference)), signPredicate)
			if diff := cmp.Diff(verified, w.verify(k)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWithoutKeysNobodyIsAsked(t *testing.T) {
	w := newWorld(t)
	if facts := (cosign.Verifier{}).Verify(t.Context(), w, w.reference, nil); len(facts) != 0 || len(w.requests) != 0 {
		t.Errorf("got %v after %v", facts, w.requests)
	}
}

// TestTheRegistryIsAskedOnce: the number of keys does not change the number of requests, and nothing is asked for that cannot
// change the answer any more.
func TestTheRegistryIsAskedOnce(t *testing.T) {
	one, two, three := p256(t), p256(t), p256(t)
	cases := map[string]struct {
		arrange func(*world)
		keys    []signer
		want    []string
	}{
		"nothing is signed": {
			func(*world) {}, []signer{one, two, three},
			[]string{"tag", "referrers"},
		},
		"one signature under the tag is all that is wanted": {
			func(w *world) {
				w.tag(one.payload(w.reference), one.sign(one.payload(w.reference)))
				w.tag(two.payload(w.reference), two.sign(two.payload(w.reference)))
			}, []signer{one},
			[]string{"tag", "blob"},
		},
		"one key under the tag, one in a bundle, and one that did not sign": {
			func(w *world) {
				w.tag(one.payload(w.reference), one.sign(one.payload(w.reference)))
				w.bundle(two.bundle(signStatement(w.reference)), signPredicate)
			}, []signer{one, two, three},
			[]string{"tag", "blob", "referrers", "document", "blob"},
		},
		"an SBOM that says so is fetched only when no signature was found before it": {
			func(w *world) {
				w.bundle(two.bundle(statement("https://in-toto.io/Statement/v1", "https://spdx.dev/Document", w.reference.Digest.Hex())), "https://spdx.dev/Document")
				w.bundle(one.bundle(signStatement(w.reference)), signPredicate)
			}, []signer{one},
			[]string{"tag", "referrers", "document", "document", "blob"},
		},
		"what says nothing of itself is fetched before what says that it is an SBOM": {
			func(w *world) {
				w.bundle(two.bundle(statement("https://in-toto.io/Statement/v1", "https://spdx.dev/Document", w.reference.Digest.Hex())), "https://spdx.dev/Document")
				w.bundle(one.bundle(signStatement(w.reference)), "")
			}, []signer{one},
			[]string{"tag", "referrers", "document", "document", "blob"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.arrange(w)
			var keys []signature.Key
			for _, k := range c.keys {
				keys = append(keys, k.key)
			}
			facts := cosign.Verifier{}.Verify(t.Context(), w, w.reference, keys)
			if len(facts) != len(keys) {
				t.Errorf("got %d facts for %d keys", len(facts), len(keys))
			}
			if diff := cmp.Diff(c.want, w.requests); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWhatIsNoSignatureByTheKey: the registry answered, and there is no signature by the key over the digest.
func TestWhatIsNoSignatureByTheKey(t *testing.T) {
	k, stranger := p256(t), p256(t)
	const none = "no signature found: sign it with cosign sign --key <key> registry.example.com/shop/checkout@sha256:"
	const others = "no signature by this key; found 1 signature by others"
	const unusable = "no signature by this key; found 1 unusable signature"
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
		}, others},
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
		}, "no signature by this key; found 2 signatures by others and 1 unusable signature"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.arrange(w)
			fact := w.verify(k)
			if fact.State != evidence.Known || fact.Value.Verified || !strings.HasPrefix(fact.Value.Message, c.want) {
				t.Errorf("got %+v, want it known that there is none, with %q", fact, c.want)
			}
			if len(fact.Value.Message) > 256 {
				t.Errorf("the message has %d bytes", len(fact.Value.Message))
			}
			// What is wrong with others must not keep the key's own signature from being found.
			for form, add := range map[string]func(){
				"under the tag": func() { w.tag(k.payload(w.reference), k.sign(k.payload(w.reference))) },
				"as a bundle":   func() { w.bundle(k.bundle(signStatement(w.reference)), signPredicate) },
			} {
				tag, referrers := w.layers, w.referrers
				w.index = false
				if add(); w.verify(k) != verified {
					t.Errorf("a good signature %s beside it is not found: %+v", form, w.verify(k))
				}
				w.layers, w.referrers = tag, referrers
			}
		})
	}
}

// TestWhatCouldNotBeLookedAt: nobody knows whether the key signed, which is not the same as that it did not.
func TestWhatCouldNotBeLookedAt(t *testing.T) {
	k, stranger := p256(t), p256(t)
	failing := func(request string, err error) func(*world) {
		return func(w *world) {
			w.fail = func(asked string) error {
				if asked == request {
					return err
				}
				return nil
			}
		}
	}
	both := func(arrangements ...func(*world)) func(*world) {
		return func(w *world) {
			for _, arrange := range arrangements {
				arrange(w)
			}
		}
	}
	strangers := func(w *world) {
		w.tag(stranger.payload(w.reference), stranger.sign(stranger.payload(w.reference)))
		w.bundle(stranger.bundle(signStatement(w.reference)), signPredicate)
	}
	unavailable := registry.NewError(registry.KindUnavailable, nil, "the registry answered 500")
	cases := map[string]struct {
		arrange       func(*world)
		reason, words string
	}{
		"the tag: 500":                 {failing("tag", unavailable), v1alpha1.ReasonRegistryUnavailable, "answered 500"},
		"the tag: 401":                 {failing("tag", registry.NewError(registry.KindUnauthorized, nil, "wants credentials")), v1alpha1.ReasonUnauthorized, "credentials"},
		"the tag: a forbidden address": {failing("tag", registry.NewError(registry.KindForbiddenAddress, nil, "link-local")), v1alpha1.ReasonAddressForbidden, "link-local"},
		"the tag: schema 1":            {failing("tag", registry.NewError(registry.KindUnsupported, nil, "schema 1")), v1alpha1.ReasonUnsupportedManifest, "schema 1"},
		"a payload: 500":               {both(strangers, failing("blob", unavailable)), v1alpha1.ReasonRegistryUnavailable, "answered 500"},
		"a payload that lies":          {both(strangers, failing("blob", registry.NewError(registry.KindDigestMismatch, nil, "another digest"))), v1alpha1.ReasonDigestMismatch, "another digest"},
		"the referrers: 500":           {both(strangers, failing("referrers", unavailable)), v1alpha1.ReasonRegistryUnavailable, "answered 500"},
		"SEC-27 CVE-2023-46737: more referrers than the reader takes": {
			failing("referrers", registry.NewError(registry.KindOverLimit, nil, "more than 10000 referrers")), v1alpha1.ReasonOverLimit, "10000",
		},
		"a referrer: 500":         {both(strangers, failing("document", unavailable)), v1alpha1.ReasonRegistryUnavailable, "answered 500"},
		"credentials of no use":   {failing("tag", registry.NewError(registry.KindInvalidCredentials, nil, "not a Docker config")), v1alpha1.ReasonInvalidSecret, "Docker"},
		"a deadline":              {failing("tag", fmt.Errorf("get: %w", context.DeadlineExceeded)), v1alpha1.ReasonDeadlineExceeded, "deadline"},
		"an error from elsewhere": {failing("tag", errors.New("odd\nnews "+strings.Repeat("x", 500))), v1alpha1.ReasonSignatureUnchecked, "odd?news"},
		"SEC-27 CVE-2024-29902: 65 signatures under the tag": {func(w *world) {
			for range 65 {
				strangers(w)
			}
			w.referrers = nil
		}, v1alpha1.ReasonOverLimit, "more than 64 signatures"},
		"SEC-27 CVE-2024-29902: a good signature that is the 65th": {func(w *world) {
			for range 64 {
				strangers(w)
			}
			w.referrers = nil
			w.tag(k.payload(w.reference), k.sign(k.payload(w.reference)))
		}, v1alpha1.ReasonOverLimit, "more than 64 signatures"},
		"two obstacles: the first one is told": {func(w *world) {
			w.fail = func(request string) error {
				return registry.NewError(registry.KindUnavailable, nil, "no answer to %s", request)
			}
		}, v1alpha1.ReasonRegistryUnavailable, "no answer to tag"},
		"SEC-27 CVE-2023-46737: 65 referrers": {func(w *world) {
			for range 65 {
				strangers(w)
			}
			w.layers = nil
		}, v1alpha1.ReasonOverLimit, "more than 64 referrers"},
		"SEC-27: one referrer with 65 bundles": {func(w *world) {
			strangers(w)
			manifest := w.documents[w.referrers[0].Digest].Manifest
			for range 64 {
				manifest.Layers = append(manifest.Layers, manifest.Layers[0])
			}
		}, v1alpha1.ReasonOverLimit, "more than 64 bundles"},
		"SEC-28 CVE-2024-29902: a payload that says it is huge": {func(w *world) {
			w.tag(k.payload(w.reference), k.sign(k.payload(w.reference)))
			w.layers[0].Size = 64<<10 + 1
		}, v1alpha1.ReasonOverLimit, "more than 65536 bytes"},
		"SEC-28 CVE-2024-29902: a bundle that says it is huge": {func(w *world) {
			w.refer(image.Descriptor{MediaType: bundleV03, Size: 2 << 30}, nil)
		}, v1alpha1.ReasonOverLimit, "more than 8388608 bytes"},
		"SEC-28: bundles that are huge together": {func(w *world) {
			for i := range 9 {
				w.refer(w.put(bundleV03, []byte{byte(i)}, nil), nil)
				w.documents[w.referrers[i].Digest].Manifest.Layers[0].Size = 8 << 20
			}
		}, v1alpha1.ReasonOverLimit, "together"},
		"SEC-35: a panic while the tag is read":      {func(w *world) { w.fail = panicOn("tag") }, v1alpha1.ReasonSignatureUnchecked, "failed on it"},
		"SEC-35: a panic while a payload is read":    {both(strangers, func(w *world) { w.fail = panicOn("blob") }), v1alpha1.ReasonSignatureUnchecked, "failed on it"},
		"SEC-35: a panic while referrers are read":   {func(w *world) { w.fail = panicOn("referrers") }, v1alpha1.ReasonSignatureUnchecked, "failed on it"},
		"SEC-35: a panic while one referrer is read": {both(strangers, func(w *world) { w.fail = panicOn("document") }), v1alpha1.ReasonSignatureUnchecked, "failed on it"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.arrange(w)
			fact := w.verify(k)
			if fact.State != evidence.CouldNotCheck || fact.Reason != c.reason || !strings.Contains(fact.Message, c.words) {
				t.Errorf("got %+v, want CouldNotCheck, %s, %q", fact, c.reason, c.words)
			}
			if len(fact.Message) > 256 || strings.ContainsAny(fact.Message, "\n\x00") {
				t.Errorf("the message is not fit for a status: %q", fact.Message)
			}
		})
	}
}

func panicOn(request string) func(string) error {
	return func(asked string) error {
		if asked == request {
			panic("a parser fell over")
		}
		return nil
	}
}

// TestOneFormSuffices: what is wrong with one form does not matter when the other one verified.
func TestOneFormSuffices(t *testing.T) {
	k := p256(t)
	cases := map[string]func(*world){
		"the tag cannot be read, and a bundle verifies": func(w *world) {
			w.bundle(k.bundle(signStatement(w.reference)), signPredicate)
			w.fail = func(request string) error {
				if request == "tag" {
					return registry.NewError(registry.KindUnavailable, nil, "500")
				}
				return nil
			}
		},
		"the tag makes the reader panic, and a bundle verifies": func(w *world) {
			w.bundle(k.bundle(signStatement(w.reference)), signPredicate)
			w.fail = panicOn("tag")
		},
		"the referrers cannot be read, and the tag verifies": func(w *world) {
			w.tag(k.payload(w.reference), k.sign(k.payload(w.reference)))
			w.fail = panicOn("referrers")
		},
		"a signature beyond the first 64 bundles says that it is one": func(w *world) {
			for range 70 {
				w.refer(w.put(bundleV03, []byte("{}"), nil), nil)
			}
			w.bundle(k.bundle(signStatement(w.reference)), signPredicate)
			w.referrers[70].Annotations = map[string]string{"dev.sigstore.bundle.predicateType": signPredicate}
		},
		"a signature whose annotation says that it is something else": func(w *world) {
			w.bundle(k.bundle(signStatement(w.reference)), "https://spdx.dev/Document")
		},
		"a signature that was made for another repository": func(w *world) {
			other, err := image.ParseRepository("registry.example.com/staging/checkout")
			if err != nil {
				t.Fatal(err)
			}
			text := k.payload(image.Reference{Repository: other, Digest: w.reference.Digest})
			w.tag(text, k.sign(text))
		},
	}
	for name, arrange := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			arrange(w)
			if diff := cmp.Diff(verified, w.verify(k)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestAKeyThatCannotBeUsed has an answer of its own and does not disturb the other keys. SEC-34.
func TestAKeyThatCannotBeUsed(t *testing.T) {
	k := p256(t)
	w := newWorld(t)
	w.tag(k.payload(w.reference), k.sign(k.payload(w.reference)))
	broken := signature.Key{Fingerprint: "broken", Public: "no key"}
	absent := signature.Key{Fingerprint: "absent"}
	facts := cosign.Verifier{}.Verify(t.Context(), w, w.reference, []signature.Key{broken, k.key, absent})
	if facts[k.key.Fingerprint] != verified {
		t.Errorf("the good key: %+v", facts[k.key.Fingerprint])
	}
	for _, key := range []signature.Key{broken, absent} {
		if fact := facts[key.Fingerprint]; fact.State != evidence.CouldNotCheck || fact.Reason != v1alpha1.ReasonInvalidKey {
			t.Errorf("%s: %+v", key.Fingerprint, fact)
		}
	}
}

// TestALibraryThatPanicsIsNoPass: the first key makes the library fall over on every signature. SEC-35.
func TestALibraryThatPanicsIsNoPass(t *testing.T) {
	k := p256(t)
	w := newWorld(t)
	w.tag(k.payload(w.reference), k.sign(k.payload(w.reference)))
	hollow := signature.Key{Fingerprint: "hollow", Public: &ecdsa.PublicKey{Curve: hollowCurve{}}}
	facts := cosign.Verifier{}.Verify(t.Context(), w, w.reference, []signature.Key{hollow, k.key})
	if facts[k.key.Fingerprint] != verified {
		t.Errorf("the good key: %+v", facts[k.key.Fingerprint])
	}
	if fact := facts["hollow"]; fact.State != evidence.CouldNotCheck || fact.Reason != v1alpha1.ReasonSignatureUnchecked {
		t.Errorf("got %+v", fact)
	}
}

// hollowCurve panics whatever is asked of it.
type hollowCurve struct{ elliptic.Curve }

// TestARegistryThatHangs does not hold the work up for longer than a minute.
func TestARegistryThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, w, start := p256(t), newWorld(t), time.Now()
		facts := cosign.Verifier{}.Verify(t.Context(), hanging{w}, w.reference, []signature.Key{k.key})
		if fact := facts[k.key.Fingerprint]; fact.State != evidence.CouldNotCheck || fact.Reason != v1alpha1.ReasonDeadlineExceeded {
			t.Errorf("got %+v", fact)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it took %s", took)
		}
	})
}

// hanging never answers.
type hanging struct{ registry.Reader }

func (hanging) Resolve(ctx context.Context, _ image.Tag) (image.Document, error) {
	<-ctx.Done()
	return image.Document{}, ctx.Err()
}

func (hanging) Referrers(ctx context.Context, _ image.Reference) ([]image.Descriptor, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
