// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"bytes"
	"cmp"
)

// maxValues bounds the values of a record.
const maxValues = 32

// Record is a row of a table or an entry of an index.
type Record []value

// value of a column. The kinds are in the order in which SQLite sorts them.
type value struct {
	kind  kind
	int   int64
	bytes []byte
}

type kind uint8

const (
	null kind = iota
	integer
	float // whose value nobody needs
	text
	blob
)

// Int returns the value of a column if it is an integer.
func (r Record) Int(column int) (int64, bool) {
	if column >= len(r) || r[column].kind != integer {
		return 0, false
	}
	return r[column].int, true
}

// Text returns the value of a column if it is text.
func (r Record) Text(column int) (string, bool) {
	if column >= len(r) || r[column].kind != text {
		return "", false
	}
	return string(r[column].bytes), true
}

// Key is what an index is asked for: a value for each of its columns, or for the first of them.
type Key []value

// Text returns the key with a text for the next column.
func (k Key) Text(s string) Key { return append(k, value{kind: text, bytes: []byte(s)}) }

// Blob returns the key with a blob for the next column.
func (k Key) Blob(b []byte) Key { return append(k, value{kind: blob, bytes: b}) }

// Int returns the key with an integer for the next column.
func (k Key) Int(i int64) Key { return append(k, value{kind: integer, int: i}) }

// compare compares the first values of a record with a key.
func (r Record) compare(key []value) int {
	for i, wanted := range key {
		if i >= len(r) {
			return -1
		}
		if c := r[i].compare(wanted); c != 0 {
			return c
		}
	}
	return 0
}

func (v value) compare(other value) int {
	return cmp.Or(cmp.Compare(v.kind, other.kind), cmp.Compare(v.int, other.int), bytes.Compare(v.bytes, other.bytes))
}

// parseRecord reads a record: the length of its header, the type of each value, and the values.
func parseRecord(payload []byte) (Record, error) {
	length, n := varint(payload)
	if n == 0 || length < int64(n) || length > int64(len(payload)) {
		return nil, malformed("a record is damaged")
	}
	types, values := payload[n:length], payload[length:]
	var record Record
	for len(types) > 0 {
		serial, n := varint(types)
		if n == 0 || len(record) == maxValues {
			return nil, malformed("a record is damaged")
		}
		types = types[n:]
		v, size, ok := parseValue(serial, values)
		if !ok {
			return nil, malformed("a record is damaged")
		}
		record, values = append(record, v), values[size:]
	}
	return record, nil
}

// parseValue reads a value of a serial type and says how many bytes it takes.
func parseValue(serial int64, from []byte) (v value, size int, ok bool) {
	sizes := [...]int{0, 1, 2, 3, 4, 6, 8, 8, 0, 0}
	switch {
	case serial < 0 || serial == 10 || serial == 11 || serial > 2*maxPageSize:
		return v, 0, false
	case serial < int64(len(sizes)):
		size = sizes[serial]
	default:
		size = int(serial-12) / 2
	}
	if size > len(from) {
		return v, 0, false
	}
	switch {
	case serial == 0:
		v.kind = null
	case serial == 7:
		v.kind = float
	case serial < 7:
		v = value{kind: integer, int: bigEndian(from[:size])}
	case serial < 10:
		v = value{kind: integer, int: serial - 8}
	case serial%2 == 0:
		v = value{kind: blob, bytes: from[:size]}
	default:
		v = value{kind: text, bytes: from[:size]}
	}
	return v, size, true
}

// bigEndian is the number in two's complement.
func bigEndian(b []byte) int64 {
	number := int64(int8(b[0]))
	for _, next := range b[1:] {
		number = number<<8 | int64(next)
	}
	return number
}

// varint reads a number of up to nine bytes and says how many it has; 0 when it is cut off.
func varint(b []byte) (number int64, n int) {
	for i := range min(len(b), 9) {
		if i == 8 {
			return number<<8 | int64(b[i]), 9
		}
		number = number<<7 | int64(b[i]&0x7f)
		if b[i] < 0x80 {
			return number, i + 1
		}
	}
	return 0, 0
}
