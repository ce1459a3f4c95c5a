// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"fmt"
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

func TestEveryKindOfKeyVerifiesInBothForms(t *testing.T) {
	for name, k := range allKinds(t) {
		t.Run(name+" under the tag", func(t *testing.T) {
			w := newWorld(t)
			message := k.payload(w.reference)
			w.tag(message, k.sign(message))
			w.wantSigned(k)
		})
		t.Run(name+" as a bundle", func(t *testing.T) {
			w := newWorld(t)
			w.bundle(k.bundle(signStatement(w.reference)), signPredicate)
			w.wantSigned(k)
		})
	}
}

func TestWithoutAnchorsNobodyIsAsked(t *testing.T) {
	w := newWorld(t)
	if found := w.find(signature.Search{PredicateTypes: []string{slsa}}); len(found.Statements) != 0 || len(w.requests) != 0 {
		t.Errorf("got %v after %v", found, w.requests)
	}
}

// TestTheRegistryIsAskedOnce: the number of keys does not change the number of requests, nothing is fetched twice, and nothing is asked
// for that cannot change the answer any more.
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
		"two signatures over one payload, which is fetched once": {
			func(w *world) {
				w.tag(one.payload(w.reference), one.sign(one.payload(w.reference)))
				w.tag(one.payload(w.reference), two.sign(one.payload(w.reference)))
			}, []signer{one, two},
			[]string{"tag", "blob"},
		},
		"an SBOM whose manifest says so is not fetched": {
			func(w *world) {
				w.bundle(two.bundle(statement(inTotoV1, spdx, w.reference.Digest.Hex())), spdx)
				w.bundle(one.bundle(signStatement(w.reference)), signPredicate)
			}, []signer{one, two},
			[]string{"tag", "referrers", "document", "document", "blob"},
		},
		"an SBOM of which the list says so is not opened": {
			func(w *world) {
				w.bundle(two.bundle(statement(inTotoV1, spdx, w.reference.Digest.Hex())), spdx)
				w.referrers[0].Annotations = map[string]string{hint: spdx}
			}, []signer{one, two},
			[]string{"tag", "referrers"},
		},
		"what says that it is a signature is fetched before what says nothing": {
			func(w *world) {
				w.bundle(two.bundle(statement(inTotoV1, spdx, w.reference.Digest.Hex())), "")
				w.bundle(one.bundle(signStatement(w.reference)), signPredicate)
			}, []signer{one},
			[]string{"tag", "referrers", "document", "document", "blob"},
		},
		"the same bundle twice is fetched once": {
			func(w *world) {
				made := one.bundle(signStatement(w.reference))
				w.bundle(made, signPredicate)
				w.bundle(made, signPredicate)
			}, []signer{one, two},
			[]string{"tag", "referrers", "document", "document", "blob"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.arrange(w)
			w.find(signature.Search{}, c.keys...)
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
		"a signature beyond the first 64 referrers says that it is one": func(w *world) {
			for i := range 1000 {
				w.refer(w.put(bundleV03, fmt.Append(nil, i), nil), nil)
			}
			w.bundle(k.bundle(signStatement(w.reference)), signPredicate)
			w.referrers[1000].Annotations = map[string]string{hint: signPredicate}
		},
		"a signature beyond the first 64 referrers is in a bundle": func(w *world) {
			for range 1000 {
				w.refer(image.Descriptor{MediaType: "application/spdx+json"}, nil)
			}
			w.bundle(k.bundle(signStatement(w.reference)), signPredicate)
			w.referrers[1000].ArtifactType = bundleV03
		},
		"a signature among seals of a thousand environments": func(w *world) {
			for range 1000 {
				w.bundle([]byte("{}"), seal)
				w.referrers[len(w.referrers)-1].Annotations = map[string]string{hint: seal}
			}
			w.bundle(k.bundle(signStatement(w.reference)), signPredicate)
		},
		"a signature that is listed ahead of an error": func(w *world) {
			w.bundle(k.bundle(signStatement(w.reference)), signPredicate)
			w.then = registry.NewError(registry.KindOverLimit, nil, "more than 1024")
		},
		"a signature behind one whose size is a lie": func(w *world) {
			w.tag(k.payload(w.reference), k.sign(k.payload(w.reference)))
			w.layers = append([]image.Descriptor{w.layers[0]}, w.layers...)
			w.layers[0].Size = 1 << 30
		},
		"SEC-31: a signature whose payload has a forged signature beside it": func(w *world) {
			w.tag(k.payload(w.reference), []byte("forged"))
			w.tag(k.payload(w.reference), k.sign(k.payload(w.reference)))
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
			w.wantSigned(k)
		})
	}
}

// TestAnAnchorThatCannotBeUsed has an answer of its own and does not disturb the others. SEC-34.
func TestAnAnchorThatCannotBeUsed(t *testing.T) {
	k := p256(t)
	w := newWorld(t)
	w.tag(k.payload(w.reference), k.sign(k.payload(w.reference)))
	broken := map[string]signature.Anchor{
		v1alpha1.ReasonInvalidTrustRoot: {Root: []byte("no root")},
		v1alpha1.ReasonInvalidKey:       {Key: &signature.Key{Fingerprint: "broken", Public: "no key"}},
	}
	for reason, anchor := range broken {
		found := w.find(signature.Search{Anchors: []signature.Anchor{anchor}}, k)
		if got := found.Statements[k.anchor().ID()]; !isSigned(got, k.key, w.reference) {
			t.Errorf("the good key: %+v", got)
		}
		if rest := found.Statements[anchor.ID()].Rest; rest.State != evidence.CouldNotCheck || rest.Reason != reason || rest.Message == "" {
			t.Errorf("got %+v, want the reason %s", rest, reason)
		}
	}
}

// TestALibraryThatPanicsIsNoPass: the first key makes the library fall over on every signature (SEC-35, CVE-2023-33199, CVE-2026-44310).
func TestALibraryThatPanicsIsNoPass(t *testing.T) {
	k := p256(t)
	w := newWorld(t)
	w.tag(k.payload(w.reference), k.sign(k.payload(w.reference)))
	w.bundle(k.bundle(signStatement(w.reference)), signPredicate)
	hollow := signature.Anchor{Key: &signature.Key{Fingerprint: "hollow", Public: &ecdsa.PublicKey{Curve: hollowCurve{}}}}
	found := w.find(signature.Search{Anchors: []signature.Anchor{hollow}}, k)
	if got := found.Statements[k.anchor().ID()]; len(got.Signed) == 0 || got.Rest.State != evidence.Known {
		t.Errorf("the good key: %+v", got)
	}
	if got := found.Statements[hollow.ID()]; len(got.Signed) > 0 || got.Rest.State != evidence.CouldNotCheck {
		t.Errorf("got %+v", got)
	}
}

// hollowCurve panics whatever is asked of it.
type hollowCurve struct{ elliptic.Curve }

// TestARegistryThatHangs does not hold the work up for longer than a minute (SEC-28).
func TestARegistryThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, w, start := p256(t), newWorld(t), time.Now()
		search := signature.Search{Reference: w.reference, Anchors: []signature.Anchor{k.anchor()}, PredicateTypes: []string{slsa}}
		fact := cosign.Finder{}.Find(t.Context(), hanging{w}, search).Statements[k.anchor().ID()].Rest
		if fact.State != evidence.CouldNotCheck || fact.Reason != v1alpha1.ReasonDeadlineExceeded {
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
