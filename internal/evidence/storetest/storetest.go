// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package storetest holds the contract of evidence.Store and evidence.Ledger as tests that every implementation runs.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"sync"
	"testing"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// Subject is a digest to test with, another one for each name.
func Subject(name string) image.Digest { return image.DigestOf([]byte(name)) }

// Run tests an empty store and an empty ledger.
func Run(t *testing.T, store evidence.Store, ledger evidence.Ledger) {
	t.Run("what was never put is not found", func(t *testing.T) {
		wantNone(t, store, Subject("never"), evidence.KindSPDX)
	})
	t.Run("what was put is got", func(t *testing.T) {
		put(t, store, Subject("a"), evidence.KindSPDX, "one")
		want(t, store, Subject("a"), evidence.KindSPDX, "one")
		wantNone(t, store, Subject("a"), evidence.KindInventory)
		wantNone(t, store, Subject("b"), evidence.KindSPDX)
	})
	t.Run("a second piece of a kind replaces the first", func(t *testing.T) {
		put(t, store, Subject("a"), evidence.KindInventory, "kept")
		put(t, store, Subject("a"), evidence.KindSPDX, "two")
		want(t, store, Subject("a"), evidence.KindSPDX, "two")
		want(t, store, Subject("a"), evidence.KindInventory, "kept")
	})
	t.Run("two subjects may have the same content", func(t *testing.T) {
		put(t, store, Subject("c"), evidence.KindSPDX, "same")
		put(t, store, Subject("d"), evidence.KindSPDX, "same")
		put(t, store, Subject("c"), evidence.KindSPDX, "other")
		want(t, store, Subject("d"), evidence.KindSPDX, "same")
	})
	t.Run("an empty piece is there", func(t *testing.T) {
		put(t, store, Subject("e"), evidence.KindSPDX, "")
		want(t, store, Subject("e"), evidence.KindSPDX, "")
	})
	t.Run("kinds are those that were put, with their sizes", func(t *testing.T) { kinds(t, store) })
	t.Run("the caller may change what it gave and got", func(t *testing.T) { changes(t, store) })
	t.Run("many at once", func(t *testing.T) { manyAtOnce(t, store) })
	t.Run("a context that has ended is respected", func(t *testing.T) { ended(t, store, ledger) })
	t.Run("the ledger has one record for each environment", func(t *testing.T) { oneRecord(t, ledger) })
}

func kinds(t *testing.T, store evidence.Store) {
	put(t, store, Subject("k"), evidence.KindSPDX, "first")
	put(t, store, Subject("k"), evidence.KindSPDX, "one")
	put(t, store, Subject("k"), evidence.SignedKind("00", image.Repository{}), "")
	put(t, store, Subject("l"), evidence.KindSPDX, "of another")
	for subject, want := range map[string]map[evidence.Kind]int64{"k": {evidence.KindSPDX: 3, evidence.SignedKind("00", image.Repository{}): 0}, "never": {}} {
		got, err := store.Kinds(t.Context(), Subject(subject))
		if err != nil || !maps.Equal(want, got) {
			t.Errorf("kinds of %s: %v, %v, want %v", subject, got, err, want)
		}
	}
}

func changes(t *testing.T, store evidence.Store) {
	given := []byte("given")
	if err := store.Put(t.Context(), Subject("f"), evidence.KindSPDX, given); err != nil {
		t.Fatal(err)
	}
	given[0] = 'x'
	got, err := store.Get(t.Context(), Subject("f"), evidence.KindSPDX)
	if err != nil {
		t.Fatal(err)
	}
	got[0] = 'x'
	want(t, store, Subject("f"), evidence.KindSPDX, "given")
}

// manyAtOnce puts every kind about one subject from goroutines of their own: none may be lost.
func manyAtOnce(t *testing.T, store evidence.Store) {
	kinds := []evidence.Kind{
		evidence.KindInventory, evidence.KindSPDX, evidence.KindCycloneDX, evidence.SignedKind("00", image.Repository{}), evidence.SignedKind("01", image.Repository{}),
	}
	var wait sync.WaitGroup
	for _, kind := range kinds {
		wait.Go(func() {
			if err := store.Put(t.Context(), Subject("g"), kind, []byte(kind)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for _, kind := range kinds {
		want(t, store, Subject("g"), kind, string(kind))
	}
}

func ended(t *testing.T, store evidence.Store, ledger evidence.Ledger) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, getErr := store.Get(ctx, Subject("a"), evidence.KindSPDX)
	_, kindsErr := store.Kinds(ctx, Subject("a"))
	_, readErr := ledger.Read(ctx, evidence.Environment{Namespace: "dev", Name: "a"})
	for operation, err := range map[string]error{
		"Put":   store.Put(ctx, Subject("h"), evidence.KindSPDX, nil),
		"Get":   getErr,
		"Kinds": kindsErr,
		"Write": ledger.Write(ctx, evidence.Environment{Namespace: "dev", Name: "a"}, nil),
		"Read":  readErr,
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", operation, err)
		}
	}
}

func oneRecord(t *testing.T, ledger evidence.Ledger) {
	dev, prod := evidence.Environment{Namespace: "dev", Name: "a"}, evidence.Environment{Namespace: "prod", Name: "a"}
	if _, err := ledger.Read(t.Context(), dev); !errors.Is(err, evidence.ErrNotFound) {
		t.Fatalf("read of an empty ledger: %v", err)
	}
	for _, record := range []string{"first", "second"} {
		if err := ledger.Write(t.Context(), dev, []byte(record)); err != nil {
			t.Fatal(err)
		}
		if got, err := ledger.Read(t.Context(), dev); err != nil || string(got) != record {
			t.Errorf("read %q, %v, want %q", got, err, record)
		}
	}
	if _, err := ledger.Read(t.Context(), prod); !errors.Is(err, evidence.ErrNotFound) {
		t.Errorf("read of another environment: %v", err)
	}
}

func put(t *testing.T, store evidence.Store, subject image.Digest, kind evidence.Kind, content string) {
	t.Helper()
	if err := store.Put(t.Context(), subject, kind, []byte(content)); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, store evidence.Store, subject image.Digest, kind evidence.Kind, content string) {
	t.Helper()
	got, err := store.Get(t.Context(), subject, kind)
	if err != nil || !bytes.Equal(got, []byte(content)) {
		t.Errorf("got %q, %v, want %q", got, err, content)
	}
}

func wantNone(t *testing.T, store evidence.Store, subject image.Digest, kind evidence.Kind) {
	t.Helper()
	if got, err := store.Get(t.Context(), subject, kind); !errors.Is(err, evidence.ErrNotFound) {
		t.Errorf("got %q, %v, want %v", got, err, evidence.ErrNotFound)
	}
}
