// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
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
		"a bundle of an older version": func(w *world) {
			const older = "application/vnd.dev.sigstore.bundle+json;version=0.2"
			w.refer(w.put(older, change(t, k.bundle(signStatement(w.reference)), older, "mediaType"), nil), nil)
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
