// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/evidence/storetest"
	"github.com/assay-dev/assay/internal/image"
)

func TestContract(t *testing.T) {
	store := open(t, t.TempDir())
	storetest.Run(t, store, store)
}

func TestWhatWasPutIsThereAfterReopening(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on the way")
	environment := evidence.Environment{Namespace: "prod", Name: "checkout"}
	store := open(t, dir)
	must(t, store.Put(t.Context(), storetest.Subject("a"), evidence.KindSPDX, []byte("one")))
	must(t, store.Write(t.Context(), environment, []byte("record")))
	must(t, store.Close())

	store = open(t, dir)
	if got, err := store.Get(t.Context(), storetest.Subject("a"), evidence.KindSPDX); err != nil || string(got) != "one" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := store.Read(t.Context(), environment); err != nil || string(got) != "record" {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestTwoProcessesNeverShareAStore(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir)
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "another process has it open") {
		t.Fatalf("the second Open: %v", err)
	}
	must(t, first.Close())
	open(t, dir)
}

func TestLeftoversAreRemoved(t *testing.T) {
	dir := t.TempDir()
	must(t, open(t, dir).Close())
	leftover := filepath.Join(dir, temporary, "half")
	must(t, os.WriteFile(leftover, []byte("ha"), 0o600))
	open(t, dir)
	if _, err := os.Stat(leftover); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the leftover: %v", err)
	}
}

func TestDamageIsFoundLoggedAndMended(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir)
	truncate := func(size int64) func(string) error { return func(p string) error { return os.Truncate(p, size) } }
	for about, test := range map[string]struct {
		folder string
		damage func(path string) error
	}{
		"a byte of the blob is another": {blobs, flip},
		"the blob is cut short":         {blobs, truncate(3)},
		"the blob is empty":             {blobs, truncate(0)},
		"the blob is far too large":     {blobs, truncate(1 << 40)},
		"the blob is gone":              {blobs, os.Remove},
		"the index is no JSON":          {indexes, flip},
		"the index is empty":            {indexes, truncate(0)},
		"the index is far too large":    {indexes, truncate(1 << 40)},
		"the index is that of another":  {indexes, func(p string) error { return os.WriteFile(p, []byte(`{"subject":"","pieces":{}}`), 0o600) }},
	} {
		t.Run(about, func(t *testing.T) {
			subject, content := storetest.Subject(about), []byte("the content when "+about)
			var lines []string
			ctx := logr.NewContext(t.Context(), funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{}))
			must(t, store.Put(ctx, subject, evidence.KindSPDX, content))
			path := shardPath(test.folder, subject)
			if test.folder == blobs {
				path = shardPath(blobs, image.DigestOf(content))
			}
			must(t, test.damage(filepath.Join(dir, path)))
			if _, err := store.Get(ctx, subject, evidence.KindSPDX); !errors.Is(err, evidence.ErrNotFound) {
				t.Errorf("get: %v", err)
			}
			if len(lines) != 1 || !strings.Contains(lines[0], "damaged") || !strings.Contains(lines[0], subject.String()) {
				t.Errorf("logged %q", lines)
			}
			must(t, store.Put(ctx, subject, evidence.KindSPDX, content))
			if got, err := store.Get(ctx, subject, evidence.KindSPDX); err != nil || !bytes.Equal(got, content) {
				t.Errorf("after another Put: %q, %v", got, err)
			}
		})
	}
}

func TestADamagedRecordIsNone(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir)
	environment := evidence.Environment{Namespace: "prod", Name: "checkout"}
	path := filepath.Join(dir, shardPath(records, nameOf(environment)))
	for about, damage := range map[string]func(string) error{
		"a byte is another": flip,
		"cut short":         func(p string) error { return os.Truncate(p, 40) },
		"empty":             func(p string) error { return os.Truncate(p, 0) },
	} {
		must(t, store.Write(t.Context(), environment, []byte("record")))
		must(t, damage(path))
		if got, err := store.Read(t.Context(), environment); !errors.Is(err, evidence.ErrNotFound) {
			t.Errorf("%s: read %q, %v", about, got, err)
		}
	}
}

func TestWhatIsTooLargeIsRefused(t *testing.T) {
	store := open(t, t.TempDir())
	if err := store.Put(t.Context(), storetest.Subject("a"), evidence.KindSPDX, make([]byte, maxPiece+1)); !errors.Is(err, evidence.ErrTooLarge) {
		t.Errorf("put: %v", err)
	}
	if err := store.Write(t.Context(), evidence.Environment{}, make([]byte, maxRecord)); !errors.Is(err, evidence.ErrTooLarge) {
		t.Errorf("write: %v", err)
	}
}

// A file that the system says has no room is what a full disk looks like.
func TestAFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("no device that is always full: %v", err)
	}
	if err := explain(fill(full, []byte("x"))); !errors.Is(err, evidence.ErrFull) {
		t.Errorf("fill: %v", err)
	}
}

func TestAStoreWithLittleRoomSaysSo(t *testing.T) {
	if err := open(t, t.TempDir()).Room(t.Context()); err != nil {
		t.Errorf("here: %v", err)
	}
	if err := roomIn(enoughRoom - 1); !errors.Is(err, evidence.ErrFull) {
		t.Errorf("with a byte too little: %v", err)
	}
}

func TestAPieceIsWrittenOnce(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir)
	subject, content := storetest.Subject("a"), []byte("the content")
	must(t, store.Put(t.Context(), subject, evidence.KindSPDX, content))
	before := files(t, dir)
	must(t, store.Put(t.Context(), subject, evidence.KindSPDX, content))
	for path, info := range files(t, dir) {
		if was, there := before[path]; !there || !os.SameFile(was, info) {
			t.Errorf("%s was written again", path)
		}
	}
}

func open(t testing.TB, dir string) *Store {
	t.Helper()
	store, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // some tests close it themselves
	return store
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// flip inverts the first byte of a file.
func flip(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	content[0] ^= 0xff
	return os.WriteFile(path, content, 0o600)
}

// files are all files of a store but its lock.
func files(t *testing.T, dir string) map[string]os.FileInfo {
	t.Helper()
	result := map[string]os.FileInfo{}
	must(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() && info.Name() != "lock" {
			result[path] = info
		}
		return err
	}))
	return result
}

func BenchmarkPut(b *testing.B) {
	store := open(b, b.TempDir())
	content := bytes.Repeat([]byte("x"), 64<<10)
	for i := 0; b.Loop(); i++ {
		copy(content, fmt.Sprintf("%d ", i))
		must(b, store.Put(b.Context(), storetest.Subject(fmt.Sprint(i)), evidence.KindInventory, content))
	}
}

func BenchmarkGet(b *testing.B) {
	store := open(b, b.TempDir())
	must(b, store.Put(b.Context(), storetest.Subject("a"), evidence.KindInventory, bytes.Repeat([]byte("x"), 64<<10)))
	for b.Loop() {
		if _, err := store.Get(b.Context(), storetest.Subject("a"), evidence.KindInventory); err != nil {
			b.Fatal(err)
		}
	}
}
