// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlite

import "context"

// Check reads the whole table and says whether it is sound, and how many rows it has.
func (t Table) Check(ctx context.Context) (rows int, err error) {
	previous := int64(0)
	w := walk{file: t.file, table: true, each: func(c cell, _ Record) error {
		if rows++; rows > 1 && c.rowid <= previous {
			return malformed("the rows of a table are out of order")
		}
		previous = c.rowid
		return ctx.Err()
	}}
	return rows, w.visit(t.root, maxDepth)
}

// Check reads the whole index and says whether it is sound, and how many entries it has.
func (x Index) Check(ctx context.Context) (entries int, err error) {
	var previous Record
	w := walk{file: x.file, each: func(_ cell, r Record) error {
		if _, ok := r.Int(x.columns); !ok {
			return malformed("an entry of an index leads nowhere")
		}
		if entries++; entries > 1 && previous.compare(r) >= 0 {
			return malformed("the entries of an index are out of order")
		}
		previous = r
		return ctx.Err()
	}}
	return entries, w.visit(x.root, maxDepth)
}

// walk visits the pages of a tree in the order of its records, each of them once.
type walk struct {
	file    *File
	table   bool
	each    func(c cell, r Record) error
	visited uint32
}

func (w *walk) visit(number uint32, depth int) error {
	if w.visited++; w.visited > w.file.pages || depth == 0 {
		return malformed("a tree has more pages than the file")
	}
	p, err := w.file.page(number)
	if err != nil {
		return err
	}
	if p.table() != w.table {
		return malformed("a tree has a page of another kind")
	}
	for i := range p.count() {
		c, err := p.cell(i)
		if err == nil && !p.leaf() {
			err = w.visit(c.child, depth-1)
		}
		if err == nil && p.kind != interiorTable {
			err = w.record(c)
		}
		if err != nil {
			return err
		}
	}
	if p.leaf() {
		return nil
	}
	return w.visit(p.last, depth-1)
}

func (w *walk) record(c cell) error {
	record, err := parseRecord(c.payload)
	if err != nil {
		return err
	}
	return w.each(c, record)
}
