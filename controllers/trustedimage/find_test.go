// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence/disk"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
	signerfake "github.com/assay-dev/assay/internal/signature/fake"
	testregistry "github.com/assay-dev/assay/test/registry"
)

// restless signs with the seal key, and never twice alike, as key management services do.
type restless struct{ *signerfake.Signer }

func (r restless) Sign(_ context.Context, message []byte) ([]byte, error) {
	scalar := sha256.Sum256([]byte("seal"))
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(message)
	return private.Sign(rand.Reader, sum[:], crypto.SHA256)
}

// sealed has a controller on a fresh disk attach the record's seals, and returns that controller.
func (s sealer) sealed(t *testing.T, signer signature.Signer) (*Reconciler, registry.Reader, entry) {
	t.Helper()
	store, err := disk.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	r, reader, err := s.reconciler(store, signer)
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.entry()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.gathered(t.Context(), store, e); err != nil {
		t.Fatal(err)
	}
	for _, name := range sealedEnvironments {
		if _, err := r.attach(t.Context(), name, e, reader, false); err != nil {
			t.Fatal(err)
		}
	}
	return r, reader, e
}

// Assay looks in the registry before it signs, so that not even a lost disk and signatures that are never alike leave a second one.
func TestALostDiskLeavesNoSecondSignature(t *testing.T) {
	signer := restless{signerfake.NewSigner("seal")}
	for form, tags := range map[string]bool{"as bundles": false, "under tags": true} {
		for kind, options := range map[string][]testregistry.Option{
			"with the referrers API": nil, "without the referrers API": {testregistry.WithoutReferrers()},
		} {
			t.Run(form+", "+kind, func(t *testing.T) {
				w := newTwins(t, testregistry.New(t, options...).Host(), tags, 0)
				for range 3 {
					_, reader, e := w.tasks[0].sealed(t, signer)
					want := map[string]int{"signature": 1, "seal of dev": 1, "seal of prod": 1}
					if diff := cmp.Diff(want, w.attached(reader, e.reference)); diff != "" {
						t.Errorf("attached to the index (-want +got):\n%s", diff)
					}
				}
			})
		}
	}
}

// Whoever changes the form of what is attached keeps the seals that are there.
func TestASealIsFoundInEitherForm(t *testing.T) {
	for name, tags := range map[string]bool{"as a bundle": false, "under the tag": true} {
		t.Run(name, func(t *testing.T) {
			task := newTwins(t, testregistry.New(t).Host(), tags, 0).tasks[0]
			before, _, e := task.sealed(t, restless{signerfake.NewSigner("seal")})
			kept, err := before.Seals.kept(t.Context(), sealedEnvironments[0], e)
			if err != nil {
				t.Fatal(err)
			}
			task.Tags = !tags
			after, reader, _ := task.sealed(t, restless{signerfake.NewSigner("seal")})
			found, err := after.Seals.find(t.Context(), reader, sealedEnvironments[0], e.reference)
			if err != nil || found == nil || found.SealDigest != v1alpha1.DigestString(image.DigestOf(kept).String()) {
				t.Errorf("found %+v, %v, want the seal %s", found, err, image.DigestOf(kept))
			}
		})
	}
}

// overfull says that there are more referrers than it lists.
type overfull struct {
	registry.Reader
	err error
}

func (o overfull) Referrers(ctx context.Context, reference image.Reference) ([]image.Descriptor, error) {
	listed, err := o.Reader.Referrers(ctx, reference)
	return listed, errors.Join(err, o.err)
}

func TestASealIsFoundInAListThatIsTooLong(t *testing.T) {
	task := newTwins(t, testregistry.New(t).Host(), false, 0).tasks[0]
	r, reader, e := task.sealed(t, signerfake.NewSigner("seal"))
	for name, test := range map[string]struct {
		kind  registry.Kind
		found bool
	}{
		"too long":        {registry.KindOverLimit, true},
		"not to be had":   {registry.KindUnavailable, false},
		"not to be shown": {registry.KindUnauthorized, false},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := r.Seals.find(t.Context(), overfull{reader, registry.NewError(test.kind, nil, "no")}, sealedEnvironments[0], e.reference)
			if (found != nil) != test.found || (err == nil) != test.found {
				t.Errorf("found %v, %v", found, err)
			}
		})
	}
}

// While a key is rotated an image has a seal by each.
func TestTheSealByThePresentKeyIsPreferred(t *testing.T) {
	for name, tags := range map[string]bool{"as bundles": false, "under tags": true} {
		t.Run(name, func(t *testing.T) {
			old, next := signerfake.NewSigner("old"), signerfake.NewSigner("next")
			task := newTwins(t, testregistry.New(t).Host(), tags, 0).tasks[0]
			before, reader, e := task.sealed(t, old)
			after, _, _ := task.sealed(t, next)
			sealBy := func(r *Reconciler) []byte {
				kept, err := r.Seals.kept(t.Context(), sealedEnvironments[1], e)
				if err != nil || kept == nil {
					t.Fatal(err)
				}
				return kept
			}
			byOld, byNext := sealBy(before), sealBy(after)
			for _, test := range []struct {
				name    string
				present signature.Signer
				retired []signature.Key
				want    []byte
			}{
				{"both are known", next, []signature.Key{old.Key()}, byNext},
				{"the old one came back", old, []signature.Key{next.Key()}, byOld},
				{"only the retired one sealed", signerfake.NewSigner("newest"), []signature.Key{old.Key()}, byOld},
			} {
				seals := &Seals{Signer: test.present, Retired: test.retired, Store: before.Seals.Store, Lists: after.Seals.Lists}
				found, err := seals.find(t.Context(), reader, sealedEnvironments[1], e.reference)
				if err != nil || found == nil || found.SealDigest != v1alpha1.DigestString(image.DigestOf(test.want).String()) {
					t.Errorf("%s: found %+v, %v, want the seal %s", test.name, found, err, image.DigestOf(test.want))
				}
			}
		})
	}
}

// keyless is a signer of statements without a key.
type keyless struct{ signature.BundleSigner }

func TestTheTaggedFormTakesAKey(t *testing.T) {
	task := newTwins(t, testregistry.New(t).Host(), true, 0).tasks[0]
	r, reader, e := task.sealed(t, signerfake.NewSigner("seal"))
	r.Seals.Bundles, r.Seals.Believed = keyless{}, r.Seals.believed()
	if _, err := r.Seals.find(t.Context(), reader, sealedEnvironments[0], e.reference); !errors.Is(err, errNoKey) {
		t.Errorf("find: %v", err)
	}
	if _, err := r.Seals.sign(t.Context(), e.reference); !errors.Is(err, errNoKey) {
		t.Errorf("sign: %v", err)
	}
}
