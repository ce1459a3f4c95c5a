// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sqlite looks records up in SQLite files that somebody else wrote, by the file format alone
// (https://www.sqlite.org/fileformat2.html). It reads what an index leads to and knows no SQL, so that it is small, keeps nothing
// in memory, and can do no harm on a file that is damaged or made to do harm: every offset is checked, and every look-up ends.
package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrMalformed says that the file is damaged, or no SQLite file of the kind that is read here.
var ErrMalformed = errors.New("malformed SQLite file")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

const (
	magic        = "SQLite format 3\x00"
	headerSize   = 100
	minPageSize  = 512
	maxPageSize  = 64 << 10
	utf8Encoding = 1
	// maxObjects bounds the tables and indexes of a file.
	maxObjects = 100
)

// File is a SQLite file. It is safe for concurrent use if its reader is.
type File struct {
	reader   io.ReaderAt
	pageSize int
	usable   int // of a page, in bytes
	pages    uint32
	objects  map[string]object
}

// object is a table or an index.
type object struct {
	kind    string // table or index
	table   string
	root    uint32
	columns []string
}

// Open reads the header and the schema of a file of the size, in bytes.
func Open(reader io.ReaderAt, size int64) (*File, error) {
	header := make([]byte, headerSize)
	if n, err := reader.ReadAt(header, 0); n < headerSize {
		if errors.Is(err, io.EOF) {
			return nil, malformed("it is no SQLite file")
		}
		return nil, fmt.Errorf("read the header: %w", err)
	}
	f := &File{reader: reader, pageSize: int(binary.BigEndian.Uint16(header[16:])), objects: map[string]object{}}
	if f.pageSize == 1 {
		f.pageSize = maxPageSize
	}
	f.usable = f.pageSize - int(header[20])
	f.pages = binary.BigEndian.Uint32(header[28:])
	switch {
	case string(header[:len(magic)]) != magic:
		return nil, malformed("it is no SQLite file")
	case f.pageSize < minPageSize || f.pageSize&(f.pageSize-1) != 0 || f.usable < minPageSize-32:
		return nil, malformed("its pages have an impossible size")
	case binary.BigEndian.Uint32(header[56:]) != utf8Encoding:
		return nil, malformed("its text is not UTF-8")
	case f.pages == 0 || int64(f.pages)*int64(f.pageSize) != size:
		return nil, malformed("it is truncated: it has %d bytes instead of %d", size, int64(f.pages)*int64(f.pageSize))
	}
	return f, f.readSchema()
}

// readSchema reads the table of tables, sqlite_schema(type, name, tbl_name, rootpage, sql), whose root is the first page.
func (f *File) readSchema() error {
	return f.eachRow(1, func(_ int64, row Record) error {
		kind, _ := row.Text(0)
		name, _ := row.Text(1)
		table, _ := row.Text(2)
		root, ok := row.Int(3)
		sql, _ := row.Text(4)
		if (kind != "table" && kind != "index") || sql == "" || !ok {
			return nil
		}
		if len(f.objects) == maxObjects || root < 1 || root > int64(f.pages) {
			return malformed("its schema is damaged")
		}
		f.objects[name] = object{kind: kind, table: table, root: uint32(root), columns: columnsOf(sql)}
		return nil
	})
}

// columnsOf returns the columns in a statement that creates a table or an index: the first word of each element between the
// outermost parentheses. What is not plain, such as another collation or WITHOUT ROWID, has a column of a name that nobody
// asks for.
func columnsOf(sql string) []string {
	_, list, _ := strings.Cut(sql, "(")
	end := strings.LastIndexByte(list, ')')
	if end < 0 || strings.TrimSpace(list[end+1:]) != "" {
		return nil
	}
	isIndex := !strings.HasPrefix(strings.ToUpper(strings.TrimSpace(sql)), "CREATE TABLE")
	var columns []string
	for element := range strings.SplitSeq(list[:end], ",") {
		words := strings.Fields(element)
		if len(words) == 0 || isIndex && len(words) > 1 {
			return nil
		}
		columns = append(columns, words[0])
	}
	return columns
}

// Table is a table of rows.
type Table struct {
	file    *File
	root    uint32
	columns []string
}

// Table returns the table if it has the columns. Records of it have the values in the order of those.
func (f *File) Table(name string, columns ...string) (Table, error) {
	found, ok := f.objects[name]
	if !ok || found.kind != "table" || len(found.columns) < len(columns) {
		return Table{}, malformed("it has no table %s with the columns %s", name, strings.Join(columns, ", "))
	}
	for i, column := range columns {
		if found.columns[i] != column {
			return Table{}, malformed("it has no table %s with the columns %s", name, strings.Join(columns, ", "))
		}
	}
	return Table{file: f, root: found.root, columns: columns}, nil
}

// Index is an index over columns of a table.
type Index struct {
	file    *File
	root    uint32
	columns int
}

// Index returns the index if it is one over the columns of the table.
func (f *File) Index(name, table string, columns ...string) (Index, error) {
	found, ok := f.objects[name]
	if !ok || found.kind != "index" || found.table != table || strings.Join(found.columns, ",") != strings.Join(columns, ",") {
		return Index{}, malformed("it has no index %s over the columns %s", name, strings.Join(columns, ", "))
	}
	return Index{file: f, root: found.root, columns: len(columns)}, nil
}
