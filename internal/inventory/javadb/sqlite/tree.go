// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"errors"
	"sort"
)

const (
	// maxDepth bounds the depth of a tree. One of this depth is larger than any disk.
	maxDepth = 20
	// maxVisits bounds the pages that one look-up reads.
	maxVisits = 10_000
)

// errFound ends a walk.
var errFound = errors.New("found")

// Row returns the row with an id, and false when there is none.
func (t Table) Row(rowid int64) (Record, bool, error) {
	number := t.root
	for range maxDepth {
		p, err := t.file.page(number)
		if err != nil {
			return nil, false, err
		}
		if !p.table() {
			return nil, false, malformed("a table's tree has a page of an index")
		}
		i, c, err := p.search(func(c cell) (int, error) { return compareRowids(c.rowid, rowid), nil })
		if err != nil {
			return nil, false, err
		}
		if !p.leaf() {
			if number, err = p.child(i); err != nil {
				return nil, false, err
			}
			continue
		}
		if i == p.count() || c.rowid != rowid {
			return nil, false, nil
		}
		record, err := parseRecord(c.payload)
		return record, err == nil, err
	}
	return nil, false, malformed("a tree is too deep")
}

func compareRowids(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// search returns the first cell that does not compare below 0, and its index, which is the number of cells if there is none.
func (p page) search(compare func(cell) (int, error)) (int, cell, error) {
	var failure error
	i := sort.Search(p.count(), func(i int) bool {
		c, err := p.cell(i)
		order := 0
		if err == nil {
			order, err = compare(c)
		}
		if failure == nil {
			failure = err
		}
		return order >= 0
	})
	if failure != nil || i == p.count() {
		return i, cell{}, failure
	}
	c, err := p.cell(i)
	return i, c, err
}

// Find calls found with the row id of each entry that begins with the key, until it returns false.
func (x Index) Find(key Key, found func(rowid int64) bool) error {
	visits := 0
	err := x.find(x.root, key, found, &visits, maxDepth)
	if errors.Is(err, errFound) {
		return nil
	}
	return err
}

func (x Index) find(number uint32, key Key, found func(int64) bool, visits *int, depth int) error {
	if *visits++; *visits > maxVisits || depth == 0 {
		return malformed("a look-up does not end")
	}
	p, err := x.file.page(number)
	if err != nil {
		return err
	}
	if p.table() {
		return malformed("an index's tree has a page of a table")
	}
	first, _, err := p.search(func(c cell) (int, error) {
		record, err := parseRecord(c.payload)
		return record.compare(key), err
	})
	if err != nil {
		return err
	}
	for i := first; ; i++ {
		if !p.leaf() {
			child, err := p.child(i)
			if err == nil {
				err = x.find(child, key, found, visits, depth-1)
			}
			if err != nil {
				return err
			}
		}
		if i == p.count() {
			return nil
		}
		rowid, equal, err := x.entry(p, i, key)
		switch {
		case err != nil:
			return err
		case !equal:
			return nil
		case !found(rowid):
			return errFound
		}
	}
}

// entry returns the row id of an entry, and whether it begins with the key.
func (x Index) entry(p page, i int, key Key) (int64, bool, error) {
	c, err := p.cell(i)
	if err != nil {
		return 0, false, err
	}
	record, err := parseRecord(c.payload)
	if err != nil || record.compare(key) != 0 {
		return 0, false, err
	}
	rowid, ok := record.Int(x.columns)
	if !ok {
		return 0, false, malformed("an entry of an index leads nowhere")
	}
	return rowid, true, nil
}

// eachRow calls row with all rows of a table in their order.
func (f *File) eachRow(root uint32, row func(rowid int64, r Record) error) error {
	w := walk{file: f, table: true, each: func(c cell, r Record) error { return row(c.rowid, r) }}
	return w.visit(root, maxDepth)
}
