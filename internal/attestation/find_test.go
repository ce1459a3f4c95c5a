// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package attestation_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	registryfake "github.com/assay-dev/assay/internal/registry/fake"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/fake"
)

const (
	wanted  = "https://openvex.dev/ns"
	hint    = "dev.sigstore.bundle.predicateType"
	dsse    = "application/vnd.dsse.envelope.v1+json"
	anOther = "https://spdx.dev/Document"
)

// world is a registry with an index of two platforms.
type world struct {
	*registryfake.Registry
	t            testing.TB
	image        image.Reference
	amd64, arm64 image.Digest
	ci, other    *fake.Signer
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{Registry: &registryfake.Registry{}, t: t, ci: fake.NewSigner("ci"), other: fake.NewSigner("other")}
	w.image = reference(t, "registry.example.com/shop/checkout")
	var children []string
	for _, architecture := range []string{"amd64", "arm64"} {
		config := w.PutBlob(w.image.Repository, "application/vnd.oci.image.config.v1+json", []byte(architecture))
		child := w.put(fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[]}`,
			image.MediaTypeManifest, config.MediaType, config.Digest, config.Size))
		children = append(children, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d,"platform":{"os":"linux","architecture":%q}}`,
			image.MediaTypeManifest, child.Digest, len(child.Raw), architecture))
		w.amd64, w.arm64 = w.arm64, child.Digest
	}
	index := w.put(fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, image.MediaTypeIndex, strings.Join(children, ",")))
	w.image.Digest = index.Digest
	return w
}

func (w *world) put(raw string) image.Document {
	w.t.Helper()
	document, err := w.Put(w.image.Repository, "", []byte(raw))
	if err != nil {
		w.t.Fatal(err)
	}
	return document
}

// envelope is a statement about the digests, signed as the cosign command does it.
func (w *world) envelope(signer signature.Signer, predicateType, predicate string, about ...image.Digest) string {
	w.t.Helper()
	var subjects []string
	for _, digest := range about {
		subjects = append(subjects, fmt.Sprintf(`{"name":"registry.example.com/shop/checkout","digest":{"sha256":%q}}`, digest.Hex()))
	}
	statement := fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v0.1","predicateType":%q,"subject":[%s],"predicate":%s}`,
		predicateType, strings.Join(subjects, ","), predicate)
	return w.signed(signer, statement)
}

func (w *world) signed(signer signature.Signer, statement string) string {
	w.t.Helper()
	const payloadType = "application/vnd.in-toto+json"
	sig, err := signer.Sign(context.Background(), fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(statement), statement))
	if err != nil {
		w.t.Fatal(err)
	}
	return fmt.Sprintf(`{"payloadType":%q,"payload":%q,"signatures":[{"keyid":"","sig":%q}]}`,
		payloadType, base64.StdEncoding.EncodeToString([]byte(statement)), base64.StdEncoding.EncodeToString(sig))
}

// bundle is a Sigstore bundle around an envelope, with a part that nobody reads.
func bundle(envelope string) string {
	return `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"x"},"tlogEntries":[]},"dsseEnvelope":` + envelope + `}`
}

// refer attaches a bundle to a manifest.
func (w *world) refer(subject image.Digest, content, predicateType string) {
	w.t.Helper()
	artifact := registry.Artifact{MediaType: attestation.BundleMediaType, Content: []byte(content), Annotations: map[string]string{hint: predicateType}}
	if predicateType == "" {
		artifact.Annotations = nil
	}
	descriptor := image.Descriptor{MediaType: image.MediaTypeManifest, Digest: subject, Size: 1}
	if _, err := w.Attach(w.t.Context(), w.image.Repository, descriptor, artifact); err != nil {
		w.t.Fatal(err)
	}
}

// tag puts envelopes under a manifest's tag.
func (w *world) tag(subject image.Digest, predicateType string, envelopes ...string) {
	w.t.Helper()
	config := w.PutBlob(w.image.Repository, "application/vnd.oci.image.config.v1+json", []byte("{}"))
	var layers []string
	for _, envelope := range envelopes {
		blob := w.PutBlob(w.image.Repository, dsse, []byte(envelope))
		layers = append(layers, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d,"annotations":{"predicateType":%q}}`, dsse, blob.Digest, blob.Size, predicateType))
	}
	document := w.put(fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[%s]}`,
		image.MediaTypeManifest, config.MediaType, config.Digest, config.Size, strings.Join(layers, ",")))
	w.Tag(image.Tag{Repository: w.image.Repository, Name: "sha256-" + subject.Hex() + ".att"}, document.Digest)
}

func (w *world) find() (attestation.Found, error) {
	w.t.Helper()
	return attestation.Find(w.t.Context(), w, w.image, []signature.Key{w.ci.Key(), w.other.Key()}, wanted, wanted+"/v0.2.0")
}

func TestFind(t *testing.T) {
	stranger := fake.NewSigner("stranger")
	attested := func(signer *fake.Signer, manifests ...image.Digest) attestation.Attested {
		return attestation.Attested{Manifests: manifests, PredicateType: wanted, Predicate: []byte(`{"a":1}`), Signers: []string{signer.Key().Fingerprint}}
	}
	for name, test := range map[string]struct {
		attach  func(*world)
		want    func(*world) []attestation.Attested
		ignored int
	}{
		"nothing is attached": {attach: func(*world) {}},
		"a bundle on the image": {
			attach: func(w *world) {
				w.refer(w.image.Digest, bundle(w.envelope(w.ci, wanted, `{"a":1}`, w.image.Digest)), wanted)
			},
			want: func(w *world) []attestation.Attested {
				return []attestation.Attested{attested(w.ci, w.image.Digest)}
			},
		},
		"a bundle without a hint": {
			attach: func(w *world) {
				w.refer(w.image.Digest, bundle(w.envelope(w.ci, wanted, `{"a":1}`, w.image.Digest)), "")
			},
			want: func(w *world) []attestation.Attested {
				return []attestation.Attested{attested(w.ci, w.image.Digest)}
			},
		},
		"a bundle that is announced as a signature": {
			attach: func(w *world) {
				w.refer(w.image.Digest, bundle(w.envelope(w.ci, wanted, `{"a":1}`, w.image.Digest)), "https://sigstore.dev/cosign/sign/v1")
			},
			want: func(w *world) []attestation.Attested {
				return []attestation.Attested{attested(w.ci, w.image.Digest)}
			},
		},
		"an envelope under the tag": {
			attach: func(w *world) { w.tag(w.image.Digest, wanted, w.envelope(w.other, wanted, `{"a":1}`, w.image.Digest)) },
			want: func(w *world) []attestation.Attested {
				return []attestation.Attested{attested(w.other, w.image.Digest)}
			},
		},
		"one on a platform's image speaks of that": {
			attach: func(w *world) { w.refer(w.arm64, bundle(w.envelope(w.ci, wanted, `{"a":1}`, w.arm64)), wanted) },
			want:   func(w *world) []attestation.Attested { return []attestation.Attested{attested(w.ci, w.arm64)} },
		},
		"one on the image about both platforms": {
			attach: func(w *world) {
				w.refer(w.image.Digest, bundle(w.envelope(w.ci, wanted, `{"a":1}`, w.arm64, w.amd64)), wanted)
			},
			want: func(w *world) []attestation.Attested {
				return []attestation.Attested{attested(w.ci, w.amd64, w.arm64)}
			},
		},
		"one about the image and its platforms speaks of the image": {
			attach: func(w *world) {
				w.refer(w.arm64, bundle(w.envelope(w.ci, wanted, `{"a":1}`, w.arm64, w.image.Digest)), wanted)
			},
			want: func(w *world) []attestation.Attested {
				return []attestation.Attested{attested(w.ci, w.image.Digest)}
			},
		},
		"the same one twice counts once": {
			attach: func(w *world) {
				made := bundle(w.envelope(w.ci, wanted, `{"a":1}`, w.image.Digest))
				w.refer(w.image.Digest, made, wanted)
				w.refer(w.amd64, made, wanted)
			},
			want: func(w *world) []attestation.Attested {
				return []attestation.Attested{attested(w.ci, w.image.Digest)}
			},
		},
		"one by a stranger is ignored": {
			attach: func(w *world) {
				w.refer(w.image.Digest, bundle(w.envelope(stranger, wanted, `{"a":1}`, w.image.Digest)), wanted)
			},
			ignored: 1,
		},
		"one about another image is ignored": {
			attach: func(w *world) {
				w.tag(w.image.Digest, wanted, w.envelope(w.ci, wanted, `{"a":1}`, image.DigestOf([]byte("another image"))))
			},
			ignored: 1,
		},
		"one that is none is ignored": {
			attach:  func(w *world) { w.tag(w.image.Digest, wanted, `{"payload":"e30="}`, "nonsense") },
			ignored: 2,
		},
		"one without a predicate is ignored": {
			attach:  func(w *world) { w.tag(w.image.Digest, "", w.envelope(w.ci, wanted, `[]`, w.image.Digest)) },
			ignored: 1,
		},
		"one with two subjects of which two readers could take either is ignored": {
			attach: func(w *world) {
				statement := fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v1","predicateType":%q,"subject":[{"digest":{"sha256":"00"}}],"subject":[{"digest":{"sha256":%q}}],"predicate":{}}`, wanted, w.image.Digest.Hex())
				w.refer(w.image.Digest, bundle(w.signed(w.ci, statement)), wanted)
			},
			ignored: 1,
		},
		"one of another statement type is ignored": {
			attach: func(w *world) {
				statement := fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v9","predicateType":%q,"subject":[{"digest":{"sha256":%q}}],"predicate":{}}`, wanted, w.image.Digest.Hex())
				w.refer(w.image.Digest, bundle(w.signed(w.ci, statement)), wanted)
			},
			ignored: 1,
		},
		"an attestation of something else is none of this": {
			attach: func(w *world) {
				w.refer(w.image.Digest, bundle(w.envelope(w.ci, anOther, `{}`, w.image.Digest)), "")
				w.refer(w.image.Digest, bundle(w.envelope(w.ci, anOther, `{}`, w.image.Digest)), anOther)
				w.tag(w.image.Digest, anOther, w.envelope(w.ci, anOther, `{}`, w.image.Digest))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			test.attach(w)
			got, err := w.find()
			if err != nil {
				t.Fatal(err)
			}
			want := attestation.Found{Ignored: test.ignored}
			if test.want != nil {
				want.Attested = test.want(w)
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(attestation.Attested{}), cmpopts.EquateComparable(image.Digest{})); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFindTellsBothSigners(t *testing.T) {
	w := newWorld(t)
	signatures := regexp.MustCompile(`"signatures":\[(.*)\]`)
	one, two := w.envelope(w.other, wanted, `{}`, w.image.Digest), w.envelope(w.ci, wanted, `{}`, w.image.Digest)
	both := strings.Replace(one, `"signatures":[`, `"signatures":[`+signatures.FindStringSubmatch(two)[1]+`,`, 1)
	w.tag(w.image.Digest, wanted, both)
	found, err := w.find()
	if err != nil || len(found.Attested) != 1 {
		t.Fatalf("got %+v, %v", found, err)
	}
	if diff := cmp.Diff([]string{w.ci.Key().Fingerprint, w.other.Key().Fingerprint}, found.Attested[0].Signers); diff != "" {
		t.Errorf("signers (-want +got):\n%s", diff)
	}
}

// TestFindIsBounded: what is too much is an error, so that nobody takes what was found for all there is.
func TestFindIsBounded(t *testing.T) {
	for name, attach := range map[string]func(*world){
		"more attestations than anybody needs": func(w *world) {
			var envelopes []string
			for i := range 65 {
				envelopes = append(envelopes, w.envelope(w.ci, wanted, fmt.Sprintf(`{"n":%d}`, i), w.image.Digest))
			}
			w.tag(w.image.Digest, wanted, envelopes...)
		},
		"more referrers than anybody needs": func(w *world) {
			for i := range 65 {
				w.refer(w.image.Digest, fmt.Sprintf(`{"n":%d}`, i), "")
			}
		},
		"one that is too large": func(w *world) {
			w.tag(w.image.Digest, "", strings.Repeat(" ", 8<<20+1))
		},
		"all of them too large": func(w *world) {
			for i := range 5 {
				w.refer(w.image.Digest, strings.Repeat(" ", 8<<20-i), wanted)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			attach(w)
			if found, err := w.find(); !registry.IsKind(err, registry.KindOverLimit) {
				t.Errorf("got %d, %v, want an error over the limit", len(found.Attested), err)
			}
		})
	}
	t.Run("large ones of another type are not fetched", func(t *testing.T) {
		w := newWorld(t)
		w.refer(w.image.Digest, strings.Repeat(" ", 8<<20+1), anOther)
		for i := range 80 {
			w.refer(w.image.Digest, fmt.Sprintf(`{"n":%d}`, i), anOther)
		}
		if found, err := w.find(); err != nil || found.Ignored > 0 {
			t.Errorf("got %+v, %v", found, err)
		}
	})
}

func TestFindReportsARegistryThatFails(t *testing.T) {
	w := newWorld(t)
	w.Fail(registry.NewError(registry.KindUnavailable, nil, "the registry does not answer"))
	if _, err := w.find(); !registry.IsKind(err, registry.KindUnavailable) {
		t.Errorf("got %v", err)
	}
	w.Fail(nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, err := attestation.Find(ctx, w, w.image, nil, wanted); err == nil {
		t.Error("it went on after its time")
	}
}

// FuzzFind: what nobody signed is never found, whatever is put there.
func FuzzFind(f *testing.F) {
	w := newWorld(f)
	f.Add(w.envelope(w.ci, wanted, `{}`, w.amd64), "https://openvex.dev/ns")
	f.Add(w.envelope(fake.NewSigner("stranger"), wanted, `{}`, w.image.Digest), "")
	f.Add(`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"sig":""}]}`, wanted)
	f.Fuzz(func(t *testing.T, content, predicateType string) {
		w := newWorld(t)
		key := fake.NewSigner("nobody signed with it").Key()
		w.refer(w.image.Digest, bundle(content), predicateType)
		w.refer(w.image.Digest, content, predicateType)
		found, err := attestation.Find(t.Context(), w, w.image, []signature.Key{key}, wanted)
		if err != nil || len(found.Attested) > 0 {
			t.Errorf("got %+v, %v", found, err)
		}
	})
}
