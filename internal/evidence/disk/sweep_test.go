// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/evidence/storetest"
	"github.com/assay-dev/assay/internal/image"
)

// age makes every file of the store look as old as given.
func age(t *testing.T, store *Store, by time.Duration) {
	t.Helper()
	for path := range files(t, store.dir) {
		then := time.Now().Add(-by)
		must(t, os.Chtimes(path, then, then))
	}
}

func sweep(t *testing.T, store *Store, unusedFor time.Duration) Swept {
	t.Helper()
	swept, err := store.Sweep(t.Context(), time.Now().Add(-unusedFor))
	if err != nil {
		t.Fatal(err)
	}
	return swept
}

func TestASweepRemovesWhatNobodyHasOrUses(t *testing.T) {
	store := open(t, t.TempDir())
	environment := evidence.Environment{Namespace: "prod", Name: "checkout"}
	must(t, store.Write(t.Context(), environment, []byte("record")))
	for _, subject := range []string{"used", "unused"} {
		must(t, store.Put(t.Context(), storetest.Subject(subject), evidence.KindSPDX, []byte("of "+subject)))
		must(t, store.Put(t.Context(), storetest.Subject(subject), evidence.KindCycloneDX, []byte("of both")))
		must(t, store.Put(t.Context(), storetest.Subject(subject), evidence.KindVulnerabilities, []byte("old report of "+subject)))
		must(t, store.Put(t.Context(), storetest.Subject(subject), evidence.KindVulnerabilities, []byte("new report of "+subject)))
	}
	if swept := sweep(t, store, time.Hour); swept != (Swept{}) {
		t.Errorf("what was just put was swept: %+v", swept)
	}
	age(t, store, 48*time.Hour)
	if _, err := store.Get(t.Context(), storetest.Subject("used"), evidence.KindSPDX); err != nil {
		t.Fatal(err)
	}
	want := Swept{Subjects: 1, Blobs: 4, Bytes: int64(len("of unused") + len("old report of used") + len("old report of unused") + len("new report of unused"))}
	if swept := sweep(t, store, time.Hour); swept != want {
		t.Errorf("swept %+v, want %+v", swept, want)
	}
	for _, kind := range []evidence.Kind{evidence.KindSPDX, evidence.KindCycloneDX, evidence.KindVulnerabilities} {
		if _, err := store.Get(t.Context(), storetest.Subject("used"), kind); err != nil {
			t.Errorf("%s of what is used: %v", kind, err)
		}
		if _, err := store.Get(t.Context(), storetest.Subject("unused"), kind); !errors.Is(err, evidence.ErrNotFound) {
			t.Errorf("%s of what is not used: %v", kind, err)
		}
	}
	if _, err := store.Read(t.Context(), environment); err != nil {
		t.Errorf("the ledger's record: %v", err)
	}
}

func TestASweepIsNoUse(t *testing.T) {
	store := open(t, t.TempDir())
	must(t, store.Put(t.Context(), storetest.Subject("a"), evidence.KindSPDX, []byte("one")))
	age(t, store, 48*time.Hour)
	sweep(t, store, 72*time.Hour)
	if swept := sweep(t, store, 24*time.Hour); swept.Subjects != 1 {
		t.Errorf("swept %+v", swept)
	}
}

func TestAContentThatIsPutAgainSurvivesASweep(t *testing.T) {
	store := open(t, t.TempDir())
	must(t, store.Put(t.Context(), storetest.Subject("a"), evidence.KindSPDX, []byte("one")))
	must(t, store.Put(t.Context(), storetest.Subject("a"), evidence.KindSPDX, []byte("two")))
	age(t, store, 48*time.Hour)
	// As a Put does that is between its two steps.
	must(t, store.putBlob(piece{Digest: image.DigestOf([]byte("one")), Size: 3}, []byte("one")))
	if swept := sweep(t, store, time.Hour); swept.Blobs != 1 { // "two", whose subject was not used either
		t.Errorf("swept %+v", swept)
	}
	if _, err := os.Stat(filepath.Join(store.dir, shardPath(blobs, image.DigestOf([]byte("one"))))); err != nil {
		t.Error(err)
	}
}

// BenchmarkSweep sweeps a store of 1,000 images.
func BenchmarkSweep(b *testing.B) {
	store := open(b, b.TempDir())
	for i := range 1000 {
		for _, kind := range []evidence.Kind{evidence.KindSPDX, evidence.KindInventory, evidence.KindOutline} {
			must(b, store.Put(b.Context(), storetest.Subject(fmt.Sprint(i)), kind, []byte(strings.Repeat(fmt.Sprint(i, kind), 100))))
		}
	}
	for b.Loop() {
		if _, err := store.Sweep(b.Context(), time.Now().Add(-time.Hour)); err != nil {
			b.Fatal(err)
		}
	}
}
