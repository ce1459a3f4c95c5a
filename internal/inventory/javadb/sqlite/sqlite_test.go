// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // what the database holds
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

// written is a file that SQLite wrote: items(id, kind, name, sum) with an index over kind and name, and one over sum.
func written(t testing.TB, rows, pageSize int) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	do := func(statement string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	do(fmt.Sprintf("PRAGMA page_size=%d", pageSize))
	do("CREATE TABLE items(id INTEGER PRIMARY KEY, kind INTEGER, name TEXT, sum BLOB, foreign key (kind) references items(id))")
	do("CREATE INDEX kinds ON items(kind, name)")
	do("CREATE UNIQUE INDEX sums ON items(sum)")
	do("CREATE INDEX others ON items(name DESC)")
	do("BEGIN")
	for i := range rows {
		do("INSERT INTO items(kind, name, sum) VALUES (?, ?, ?)", i%7*1000, nameOf(i), sumOf(i))
	}
	do("COMMIT")
	do("DELETE FROM items WHERE id % 5 = 0")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func nameOf(i int) string { return fmt.Sprintf("name %d %s", i, strings.Repeat("x", i%60)) }

func sumOf(i int) []byte {
	sum := sha1.Sum(fmt.Append(nil, i)) //nolint:gosec // as above
	return sum[:]
}

// opened is the file as it is read.
type opened struct {
	items       Table
	kinds, sums Index
}

func open(content []byte) (o opened, err error) {
	f, err := Open(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return o, err
	}
	o.items, err = f.Table("items", "id", "kind", "name", "sum")
	if err != nil {
		return o, err
	}
	if o.kinds, err = f.Index("kinds", "items", "kind", "name"); err != nil {
		return o, err
	}
	o.sums, err = f.Index("sums", "items", "sum")
	return o, err
}

func (o opened) find(t *testing.T, x Index, key Key) []int64 {
	t.Helper()
	var ids []int64
	if err := x.Find(key, func(rowid int64) bool { ids = append(ids, rowid); return true }); err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestWhatSQLiteWroteIsFound(t *testing.T) {
	for _, pageSize := range []int{512, 4096, 65536} {
		for _, rows := range []int{0, 1, 20, 4_000} {
			t.Run(fmt.Sprintf("%d rows on pages of %d bytes", rows, pageSize), func(t *testing.T) {
				o, err := open(written(t, rows, pageSize))
				if err != nil {
					t.Fatal(err)
				}
				o.compare(t, rows)
				for name, check := range map[string]func(context.Context) (int, error){
					"items": o.items.Check, "kinds": o.kinds.Check, "sums": o.sums.Check,
				} {
					if n, err := check(t.Context()); err != nil || n != rows-rows/5 {
						t.Errorf("%s has %d entries, error %v", name, n, err)
					}
				}
			})
		}
	}
}

// compare looks for each row, of which every fifth was deleted.
func (o opened) compare(t *testing.T, rows int) {
	t.Helper()
	kinds := map[int]int{}
	for i := range rows {
		id, deleted := int64(i+1), (i+1)%5 == 0
		row, found, err := o.items.Row(id)
		if err != nil || found == deleted {
			t.Fatalf("row %d: found is %t, error %v", id, found, err)
		}
		found = len(o.find(t, o.sums, Key{}.Blob(sumOf(i)))) == 1
		if ids := o.find(t, o.kinds, Key{}.Int(int64(i%7*1000)).Text(nameOf(i))); found == deleted || (len(ids) == 1) == deleted {
			t.Fatalf("row %d: found by its sum is %t, by its kind and name %v", id, found, ids)
		}
		if deleted {
			continue
		}
		kinds[i%7*1000]++
		if name, ok := row.Text(2); !ok || name != nameOf(i) {
			t.Fatalf("row %d has the name %q", id, name)
		}
	}
	for kind, want := range kinds {
		if got := len(o.find(t, o.kinds, Key{}.Int(int64(kind)))); got != want {
			t.Errorf("%d of the kind %d are found, want %d", got, kind, want)
		}
	}
	for _, id := range []int64{-1, 0, int64(rows + 1)} {
		if _, found, err := o.items.Row(id); found || err != nil {
			t.Errorf("row %d: found is %t, error %v", id, found, err)
		}
	}
}

func TestAFindEndsWhenAsked(t *testing.T) {
	o, err := open(written(t, 4_000, 512))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	if err := o.kinds.Find(Key{}.Int(1000), func(int64) bool { found++; return found < 3 }); err != nil || found != 3 {
		t.Errorf("found %d, error %v", found, err)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	sound := written(t, 2000, 4096)
	change := func(offset int, to ...byte) []byte {
		content := bytes.Clone(sound)
		copy(content[offset:], to)
		return content
	}
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"nothing":                {nil, "no SQLite file"},
		"garbage":                {bytes.Repeat([]byte("garbage!"), 1000), "no SQLite file"},
		"a file that is cut":     {sound[:len(sound)-4096], "truncated"},
		"a file that goes on":    {append(bytes.Clone(sound), make([]byte, 4096)...), "truncated"},
		"pages of 1000 bytes":    {change(16, 0x03, 0xe8), "impossible size"},
		"pages without room":     {change(16, 0x02, 0x00, 1, 1, 255), "impossible size"},
		"UTF-16":                 {change(56, 0, 0, 0, 2), "not UTF-8"},
		"a schema that is none":  {change(100, 0), "of no tree"},
		"a schema with no cells": {change(103, 0, 0), "no table items"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(test.content)
			if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
}

func TestTablesAndIndexesThatAreOthers(t *testing.T) {
	content := written(t, 10, 4096)
	f, err := Open(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() error{
		"no table":                 func() error { _, err := f.Table("others", "id"); return err },
		"other columns":            func() error { _, err := f.Table("items", "id", "name"); return err },
		"an index for a table":     func() error { _, err := f.Table("kinds", "kind"); return err },
		"fewer columns":            func() error { _, err := f.Index("kinds", "items", "kind"); return err },
		"an index of another":      func() error { _, err := f.Index("kinds", "others", "kind", "name"); return err },
		"an index the other way":   func() error { _, err := f.Index("others", "items", "name"); return err },
		"a table for an index":     func() error { _, err := f.Index("items", "items", "id"); return err },
		"more columns than it has": func() error { _, err := f.Table("items", strings.Fields("id kind name sum foreign x")...); return err },
	} {
		if err := try(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// Whatever is damaged, a look-up ends, and a check that finds nothing means that all can be found.
func TestDamage(t *testing.T) {
	const rows = 2000
	sound := written(t, rows, 1024)
	noticed := 0
	for at := 100; at < len(sound); at += 997 {
		content := bytes.Clone(sound)
		content[at] ^= 0x55
		o, err := open(content)
		if err != nil {
			noticed++
			continue
		}
		for _, check := range []func(context.Context) (int, error){o.items.Check, o.kinds.Check, o.sums.Check} {
			if n, err := check(t.Context()); err != nil || n != rows-rows/5 {
				noticed++
				break
			}
		}
		for i := 0; i < rows; i += 100 {
			o.lookUp(int64(i+1), sumOf(i))
		}
	}
	t.Logf("%d damages are noticed", noticed)
	if noticed == 0 {
		t.Error("no damage is noticed")
	}
}

// lookUp looks something up and does not care for the answer.
func (o opened) lookUp(id int64, sum []byte) {
	_, _, _ = o.items.Row(id)
	_ = o.kinds.Find(Key{}.Int(id%7*1000), func(int64) bool { return true })
	_ = o.sums.Find(Key{}.Blob(sum), func(int64) bool { return true })
}

func FuzzOpen(f *testing.F) {
	f.Add(written(f, 40, 512))
	f.Add(written(f, 0, 4096))
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := Open(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		for _, object := range file.objects {
			o := opened{Table{file: file, root: object.root}, Index{file: file, root: object.root, columns: 1}, Index{file: file, root: object.root}}
			o.lookUp(3, sumOf(2))
			for _, check := range []func(context.Context) (int, error){o.items.Check, o.kinds.Check} {
				_, _ = check(t.Context())
			}
		}
	})
}
