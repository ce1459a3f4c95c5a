// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"encoding/binary"
	"fmt"
)

// The kinds of pages of a tree.
const (
	interiorIndex = 2
	interiorTable = 5
	leafIndex     = 10
	leafTable     = 13
)

// page of a tree.
type page struct {
	kind    byte
	content []byte // that a cell may lie in, from the page's beginning
	cells   []byte // the offsets of the cells
	last    uint32 // the child after the last cell, if the page is not a leaf
}

// cell of a page.
type cell struct {
	child   uint32 // before it, if the page is not a leaf
	rowid   int64  // if the page is of a table
	payload []byte // unless the page is inside a table's tree
}

func (f *File) page(number uint32) (page, error) {
	if number == 0 || number > f.pages {
		return page{}, malformed("a page refers to one that is not there")
	}
	content := make([]byte, f.pageSize)
	if _, err := f.reader.ReadAt(content, int64(number-1)*int64(f.pageSize)); err != nil {
		return page{}, fmt.Errorf("read a page: %w", err)
	}
	header := content
	if number == 1 {
		header = content[headerSize:]
	}
	p := page{kind: header[0], content: content[:f.usable]}
	size := 8
	switch p.kind {
	case interiorIndex, interiorTable:
		size, p.last = 12, binary.BigEndian.Uint32(header[8:])
	case leafIndex, leafTable:
	default:
		return page{}, malformed("a page is of no tree")
	}
	count := int(binary.BigEndian.Uint16(header[3:]))
	if p.cells = header[size:]; 2*count > len(p.cells) {
		return page{}, malformed("a page has too many cells")
	}
	p.cells = p.cells[:2*count]
	return p, nil
}

func (p page) count() int { return len(p.cells) / 2 }

func (p page) leaf() bool { return p.kind == leafIndex || p.kind == leafTable }

func (p page) table() bool { return p.kind == interiorTable || p.kind == leafTable }

// child is the page before a cell, or after the last one.
func (p page) child(i int) (uint32, error) {
	if i == p.count() {
		return p.last, nil
	}
	c, err := p.cell(i)
	return c.child, err
}

func (p page) cell(i int) (cell, error) {
	offset := int(binary.BigEndian.Uint16(p.cells[2*i:]))
	if offset >= len(p.content) {
		return cell{}, malformed("a cell is outside of its page")
	}
	var c cell
	rest := p.content[offset:]
	if !p.leaf() {
		if len(rest) < 4 {
			return cell{}, malformed("a cell is cut off")
		}
		c.child, rest = binary.BigEndian.Uint32(rest), rest[4:]
	}
	var size int64
	var n int
	if p.kind != interiorTable {
		if size, n = varint(rest); n == 0 {
			return cell{}, malformed("a cell is cut off")
		}
		rest = rest[n:]
	}
	if p.table() {
		if c.rowid, n = varint(rest); n == 0 {
			return cell{}, malformed("a cell is cut off")
		}
		rest = rest[n:]
	}
	if size < 0 || size > int64(p.maxPayload()) || size > int64(len(rest)) {
		return cell{}, malformed("a record is too long")
	}
	c.payload = rest[:size]
	return c, nil
}

// maxPayload is the size from which on records continue on other pages, which those that are looked up here never do.
func (p page) maxPayload() int {
	if p.kind == leafTable {
		return len(p.content) - 35
	}
	return (len(p.content)-12)*64/255 - 23
}
