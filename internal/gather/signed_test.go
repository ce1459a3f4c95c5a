// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package gather_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	evidencefake "github.com/assay-dev/assay/internal/evidence/fake"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature"
	signaturefake "github.com/assay-dev/assay/internal/signature/fake"
	"github.com/assay-dev/assay/internal/vulnerability/vex/attested"
)

const reviewType = "https://example.com/review/v1"

// book is an image with what may be signed about it.
type book struct {
	*gather.Gatherer
	t        *testing.T
	finder   *signaturefake.Finder
	store    *evidencefake.Store
	request  gather.Request
	ci, team signature.Anchor
}

func newBook(t *testing.T) *book {
	t.Helper()
	p := newPlace()
	digest, _ := p.manifest(t, "amd64")
	b := &book{Gatherer: newGatherer(p, database{}), t: t, request: requestFor(t, p, digest)}
	b.finder, b.store = b.Finder.(*signaturefake.Finder), b.Store.(*evidencefake.Store)
	b.VEX = attested.Reader{}
	for seed, anchor := range map[string]*signature.Anchor{"ci": &b.ci, "team": &b.team} {
		key := signaturefake.NewSigner(seed).Key()
		anchor.Key = &key
	}
	b.request.Anchors = []signature.Anchor{b.ci}
	b.request.Believed = everybody
	return b
}

func everybody(string, evidence.Signer) bool { return true }

func (b *book) digest() image.Digest { return b.request.Reference.Digest }

func signerOf(anchor signature.Anchor) evidence.Signer {
	return evidence.Signer{Key: anchor.Key.Fingerprint}
}

// sign signs the image, and attest states something about it.
func (b *book) sign(anchor signature.Anchor) {
	b.finder.Sign(b.digest(), anchor, evidence.Signed{
		PredicateType: evidence.SignaturePredicate, Manifests: []image.Digest{b.digest()}, Payload: image.DigestOf([]byte("payload")), Signer: signerOf(anchor),
	})
}

func (b *book) attest(anchor signature.Anchor, predicateType, predicate string) evidence.Signed {
	statement := fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":%q}}],"predicateType":%q,"predicate":%s}`,
		b.digest().Hex(), predicateType, predicate)
	signed := evidence.Signed{
		PredicateType: predicateType, Manifests: []image.Digest{b.digest()}, Payload: image.DigestOf(statement), Statement: statement, Signer: signerOf(anchor),
	}
	b.finder.Sign(b.digest(), anchor, signed)
	return signed
}

func (b *book) gather() evidence.Evidence {
	b.t.Helper()
	collected, err := b.Gather(b.t.Context(), b.request)
	if err != nil {
		b.t.Fatal(err)
	}
	return collected
}

func (b *book) look(collected evidence.Evidence) evidence.Evidence {
	b.t.Helper()
	found, err := b.Look(b.t.Context(), b.request, collected)
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

// searches fails unless the registry was searched so often.
func (b *book) searches(want int) {
	b.t.Helper()
	if got := len(b.finder.Calls()); got != want {
		b.t.Errorf("the registry was asked %d times, want %d", got, want)
	}
}

// types are the predicate types of what is known under the anchor.
func types(e evidence.Evidence, anchor signature.Anchor) []string {
	var all []string
	for _, signed := range e.Signed[anchor.ID()].Signed {
		all = append(all, signed.PredicateType)
	}
	return all
}

func TestTheRegistryIsNotAskedAgainWhatWasSigned(t *testing.T) {
	b := newBook(t)
	b.sign(b.ci)
	first := b.gather()
	b.searches(1)
	if rest := first.Signed[b.ci.ID()].Rest; rest.State != evidence.Known || !gather.LookedFor(first) {
		t.Errorf("the rest of what was looked for is %+v", rest)
	}
	for range 3 {
		again := b.gather()
		if diff := cmp.Diff([]string{evidence.SignaturePredicate}, types(again, b.ci)); diff != "" {
			t.Errorf("signed (-want +got):\n%s", diff)
		}
		if again.Signed[b.ci.ID()].Rest.State != evidence.NotChecked || gather.LookedFor(again) {
			t.Error("what is kept says that nothing came since")
		}
	}
	b.searches(1)
}

func TestLookAsksAndMergesOnce(t *testing.T) {
	b := newBook(t)
	b.sign(b.ci)
	kept := b.gather()
	before := len(kept.Signed[b.ci.ID()].Signed)
	kept = b.gather()
	b.request.PredicateTypes = []string{reviewType}
	b.attest(b.ci, reviewType, `{"a":1}`)
	for range 2 {
		found := b.look(kept)
		if diff := cmp.Diff(2, len(found.Signed[b.ci.ID()].Signed)); diff != "" {
			t.Errorf("signed (-want +got):\n%s", diff)
		}
		if !gather.LookedFor(found) || len(kept.Signed[b.ci.ID()].Signed) != before || gather.LookedFor(kept) {
			t.Error("what was collected is changed")
		}
	}
	b.searches(3)
	if again := b.gather(); len(types(again, b.ci)) != 2 {
		t.Errorf("kept are %v", types(again, b.ci))
	}
}

func TestWhatIsKeptIsNotWrittenAgain(t *testing.T) {
	b := newBook(t)
	b.request.PredicateTypes = []string{reviewType}
	b.attest(b.ci, reviewType, `{"a":1}`)
	kept := b.gather()
	puts := b.store.Puts()
	for range 3 {
		b.look(kept)
	}
	if got := b.store.Puts(); got != puts {
		t.Errorf("%d pieces were written for nothing new", got-puts)
	}
}

func TestNothingSignedIsLookedForEachTime(t *testing.T) {
	b := newBook(t)
	for range 3 {
		if collected := b.gather(); !gather.LookedFor(collected) || len(types(collected, b.ci)) > 0 {
			t.Fatalf("got %+v", collected.Signed)
		}
	}
	b.searches(3)
}

func TestNobodyIsAskedWhereNobodyIsBelieved(t *testing.T) {
	b := newBook(t)
	b.request.Anchors, b.request.VEX, b.request.PredicateTypes = nil, true, []string{reviewType}
	if collected := b.gather(); collected.Signed != nil || !gather.LookedFor(collected) {
		t.Errorf("got %+v", collected.Signed)
	}
	b.searches(0)
}

// TestAnAnchorMoreIsLookedForByLook since what another signed is known, and may be enough.
func TestAnAnchorMoreIsLookedForByLook(t *testing.T) {
	b := newBook(t)
	b.sign(b.ci)
	b.sign(b.team)
	b.gather()
	b.request.Anchors = append(b.request.Anchors, b.team)
	collected := b.gather()
	b.searches(1)
	if len(types(collected, b.ci)) != 1 || len(types(collected, b.team)) != 0 || gather.LookedFor(collected) {
		t.Errorf("got %+v", collected.Signed)
	}
	if found := b.look(collected); len(types(found, b.team)) != 1 || !gather.LookedFor(found) {
		t.Errorf("got %+v", found.Signed)
	}
	if again := b.gather(); len(types(again, b.team)) != 1 {
		t.Error("what was found is not kept")
	}
	b.searches(2)
}

func TestAnOutageKeepsWhatWasFoundAndSaysSo(t *testing.T) {
	b := newBook(t)
	b.sign(b.ci)
	kept := b.gather()
	gone := evidence.Unchecked[string](v1alpha1.ReasonRegistryUnavailable, "gone")
	b.finder.Set(b.digest(), b.ci, evidence.Statements{Rest: gone})
	found := b.look(kept)
	if diff := cmp.Diff(gone, found.Signed[b.ci.ID()].Rest); diff != "" || len(types(found, b.ci)) != 1 {
		t.Errorf("got %v, rest (-want +got):\n%s", types(found, b.ci), diff)
	}
	if !gather.LookedFor(found) {
		t.Error("a look that failed is looked for again at once")
	}
}

func TestStatementsAreReadFromTheStore(t *testing.T) {
	b := newBook(t)
	b.request.PredicateTypes = []string{reviewType}
	b.request.Anchors = append(b.request.Anchors, b.team)
	signed := b.attest(b.ci, reviewType, `{"a":1}`)
	signed.Signer = signerOf(b.team)
	b.finder.Sign(b.digest(), b.team, signed) // who signed the same
	b.sign(b.ci)
	for name, collected := range map[string]evidence.Evidence{"found": b.gather(), "kept": b.gather()} {
		for _, one := range collected.Signed[b.ci.ID()].Signed {
			if one.Statement != nil {
				t.Errorf("%s: statements are held in memory", name)
			}
		}
		stated := b.Stated(t.Context(), collected, gather.Wanted{Statements: []string{reviewType}, Believed: everybody})
		for _, anchor := range b.request.Anchors {
			for _, one := range stated.Signed[anchor.ID()].Signed {
				if want := one.PredicateType == reviewType; want != (string(one.Statement) == string(signed.Statement)) || !want && one.Statement != nil {
					t.Errorf("%s: %s states %s", name, one.PredicateType, one.Statement)
				}
			}
		}
		if without := b.Stated(t.Context(), collected, gather.Wanted{}); len(without.Signed[b.team.ID()].Signed) != 1 || without.Signed[b.team.ID()].Signed[0].Statement != nil {
			t.Errorf("%s: statements are read that nobody wants", name)
		}
		if len(collected.Signed[b.team.ID()].Signed) != 1 || collected.Signed[b.team.ID()].Signed[0].Statement != nil {
			t.Errorf("%s: what was collected is changed", name)
		}
	}
}

// TestAStoreThatLostAStatement leaves it unread until somebody looks, and never takes other bytes for it.
func TestAStoreThatLostAStatement(t *testing.T) {
	for name, lose := range map[string]func(*book, evidence.Signed){
		"it is gone": func(b *book, s evidence.Signed) {
			b.store.Forget(b.digest(), evidence.StatementKind(s.Payload, b.request.Reference.Repository))
		},
		"it is another": func(b *book, s evidence.Signed) {
			if err := b.store.Put(b.t.Context(), b.digest(), evidence.StatementKind(s.Payload, b.request.Reference.Repository), []byte(`{"b":2}`)); err != nil {
				b.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t)
			b.request.PredicateTypes = []string{reviewType}
			signed := b.attest(b.ci, reviewType, `{"a":1}`)
			b.gather()
			lose(b, signed)
			read := func(e evidence.Evidence) string {
				return string(b.Stated(t.Context(), e, gather.Wanted{Statements: []string{reviewType}, Believed: everybody}).Signed[b.ci.ID()].Signed[0].Statement)
			}
			kept := b.gather()
			if got := read(kept); got != "" {
				t.Errorf("read %s", got)
			}
			if got := read(b.look(kept)); got != string(signed.Statement) {
				t.Errorf("after a look: read %q", got)
			}
		})
	}
}

func TestAListOfAnotherVersionIsNone(t *testing.T) {
	b := newBook(t)
	b.sign(b.ci)
	if err := b.store.Put(t.Context(), b.digest(), evidence.SignedKind(b.ci.ID(), b.request.Reference.Repository), []byte(`{"signed":true}`)); err != nil {
		t.Fatal(err)
	}
	if collected := b.gather(); len(types(collected, b.ci)) != 1 {
		t.Errorf("got %+v", collected.Signed)
	}
	b.searches(1)
}

// TestMoreThanIsKeptIsNotKnown since what is left out may be what a policy asks for.
func TestMoreThanIsKeptIsNotKnown(t *testing.T) {
	b := newBook(t)
	b.request.PredicateTypes = []string{reviewType}
	for i := range 257 {
		b.attest(b.ci, reviewType, fmt.Sprintf(`{"n":%d}`, i))
	}
	collected := b.gather()
	got := collected.Signed[b.ci.ID()]
	if len(got.Signed) != 256 || got.Rest.State != evidence.CouldNotCheck || got.Rest.Reason != v1alpha1.ReasonOverLimit {
		t.Errorf("%d statements, and of the rest %+v", len(got.Signed), got.Rest)
	}
}

// TestWhatStrangersAttachedBeforeLeavesRoom for what is found now, however much of it was kept.
func TestWhatStrangersAttachedBeforeLeavesRoom(t *testing.T) {
	b := newBook(t)
	root := signature.Anchor{Root: []byte("root"), Logged: true, Timed: true}
	b.request.Anchors, b.request.PredicateTypes = []signature.Anchor{root}, []string{reviewType}
	b.request.Believed = func(_ string, signer evidence.Signer) bool { return signer.Certificate.Subject == "ci" }
	by := func(subject string, n int) evidence.Signed {
		signed := b.attest(b.ci, reviewType, fmt.Sprintf(`{"n":%d}`, n))
		signed.Signer = evidence.Signer{Certificate: &evidence.Certificate{Subject: subject}}
		return signed
	}
	for look := range 3 {
		var strangers []evidence.Signed
		for i := range 128 {
			strangers = append(strangers, by("stranger", 1000*look+i))
		}
		b.finder.Set(b.digest(), root, evidence.Statements{Signed: strangers, Rest: evidence.Checked("")})
		collected := b.gather()
		if look > 0 {
			collected = b.look(collected)
		}
		if kept := collected.Signed[root.ID()].Signed; len(kept) > 256 {
			t.Fatalf("%d are kept", len(kept))
		}
	}
	right := by("ci", 1)
	b.finder.Set(b.digest(), root, evidence.Statements{Signed: []evidence.Signed{right}, Rest: evidence.Checked("")})
	b.look(b.gather())
	kept := b.gather().Signed[root.ID()].Signed
	if !slices.ContainsFunc(kept, func(s evidence.Signed) bool { return s.Payload == right.Payload }) {
		t.Error("what the right one signed is not kept")
	}
}

// TestWhatNobodyBelievesIsNeitherKeptNorRead since a stranger decides how large it is.
func TestWhatNobodyBelievesIsNeitherKeptNorRead(t *testing.T) {
	b := newBook(t)
	b.request.PredicateTypes = []string{reviewType}
	b.request.Believed = func(string, evidence.Signer) bool { return false }
	signed := b.attest(b.ci, reviewType, `{"a":1}`)
	collected := b.gather()
	if len(types(collected, b.ci)) != 1 {
		t.Error("it is not told who signed")
	}
	if _, err := b.store.Get(t.Context(), b.digest(), evidence.StatementKind(signed.Payload, b.request.Reference.Repository)); !errors.Is(err, evidence.ErrNotFound) {
		t.Errorf("the statement is kept: %v", err)
	}
	b.request.Believed = everybody
	b.look(collected)
	stated := b.Stated(t.Context(), collected, gather.Wanted{Statements: []string{reviewType}})
	if stated.Signed[b.ci.ID()].Signed[0].Statement != nil {
		t.Error("the statement is read")
	}
}

// TestWhatStandsInOneRepositoryIsNotKnownOfAnother since it may be another tenant's, and was found with another's credentials.
func TestWhatStandsInOneRepositoryIsNotKnownOfAnother(t *testing.T) {
	b := newBook(t)
	b.sign(b.ci)
	b.gather()
	about := b.request.Reference
	for _, repository := range []string{about.Repository.String(), "registry.example.com/somebody/else"} {
		parsed, err := image.ParseRepository(repository)
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.store.Get(t.Context(), about.Digest, evidence.SignedKind(b.ci.ID(), parsed))
		if known := err == nil; known != (parsed == about.Repository) {
			t.Errorf("%s: %v", repository, err)
		}
	}
}

func TestErrorsOfTheStoreAreNoFacts(t *testing.T) {
	full := errors.New("no space left")
	for name, ask := range map[string]func(context.Context, *book) error{
		"gathering what is kept": func(ctx context.Context, b *book) error {
			_, err := b.Gather(ctx, b.request)
			return err
		},
		"looking": func(ctx context.Context, b *book) error {
			_, err := b.Look(ctx, b.request, evidence.Evidence{Image: b.request.Reference, Signed: map[string]evidence.Statements{}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t)
			b.sign(b.ci)
			b.request.PredicateTypes = []string{reviewType}
			b.attest(b.ci, reviewType, `{}`)
			b.store.Fail(full)
			if err := ask(t.Context(), b); !errors.Is(err, full) || !errors.Is(err, gather.ErrStore) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSearchesNamePlatformsOfAnIndexAlone(t *testing.T) {
	b := newBook(t)
	b.gather()
	p := newPlace()
	arm, armChild := p.manifest(t, "arm64")
	amd, amdChild := p.manifest(t, "amd64")
	index := p.document(t, image.MediaTypeIndex, fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, image.MediaTypeIndex, strings.Join([]string{armChild, amdChild}, ",")))
	request := requestFor(t, p, index)
	request.Anchors = b.request.Anchors
	if _, err := b.Gather(t.Context(), gather.Request{Reference: request.Reference, Reader: p, Anchors: request.Anchors}); err != nil {
		t.Fatal(err)
	}
	calls := b.finder.Calls()
	if len(calls[0].Platforms) > 0 {
		t.Errorf("an image that is no index has the platforms %v", calls[0].Platforms)
	}
	if diff := cmp.Diff([]image.Digest{amd, arm}, calls[1].Platforms, cmp.Comparer(func(a, b image.Digest) bool { return a == b })); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
}
