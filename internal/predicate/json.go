// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package predicate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	strictjson "sigs.k8s.io/json"
)

// Bounds of a document.
const (
	// MaxSize of a statement or predicate, in bytes.
	MaxSize = 8 << 20
	// maxDepth of objects and arrays in each other.
	maxDepth = 64
	// maxValues of all kinds together; maxBuilt where all of them are kept, which takes some 100 bytes for each.
	maxValues = 2 << 20
	maxBuilt  = 256 << 10
	// maxNumber is the longest number, in characters.
	maxNumber = 64
	// maxText is the longest text that is returned, in bytes. Longer ones are refused, since one that was cut could pass for another.
	maxText = 2048
)

// Decode reads a predicate as maps, slices, strings, booleans, nil, int64 for every number that is one, and else float64, for expressions
// over it. The predicate is an object. The error wraps ErrMalformed.
func Decode(predicate []byte) (map[string]any, error) {
	value, err := read(predicate, &reader{build: true, left: maxBuilt})
	if err != nil {
		return nil, fmt.Errorf("predicate: %w", err)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w predicate: it is not an object", ErrMalformed)
	}
	return object, nil
}

// decode reads a document into a struct, by the exact names of its fields; other fields are passed over. A name that occurs twice
// anywhere is refused.
func decode(data []byte, v any) error {
	if _, err := read(data, &reader{left: maxValues}); err != nil {
		return err
	}
	if err := strictjson.UnmarshalCaseSensitivePreserveInts(data, v); err != nil {
		if errors.Is(err, ErrMalformed) {
			return err
		}
		return fmt.Errorf("%w: a field is of another kind than the specification says", ErrMalformed)
	}
	return nil
}

// read walks through the whole document.
func read(data []byte, r *reader) (any, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrMalformed, MaxSize)
	}
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%w: it is not UTF-8", ErrMalformed)
	}
	r.decoder = json.NewDecoder(bytes.NewReader(data))
	r.decoder.UseNumber()
	value, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := r.decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errNoJSON
	}
	return value, nil
}

// errNoJSON does not repeat the decoder's text, which quotes the document.
var errNoJSON = fmt.Errorf("%w: it is not valid JSON", ErrMalformed)

// reader walks through a document within bounds, and builds its values if that is asked for.
type reader struct {
	decoder *json.Decoder
	build   bool
	left    int // values that may still come
}

func (r *reader) value(depth int) (any, error) {
	token, err := r.decoder.Token()
	if err != nil {
		return nil, errNoJSON
	}
	if r.left--; r.left < 0 {
		return nil, fmt.Errorf("%w: it has too many values", ErrMalformed)
	}
	if depth == maxDepth {
		return nil, fmt.Errorf("%w: it is nested more than %d deep", ErrMalformed, maxDepth)
	}
	if number, is := token.(json.Number); is {
		return readNumber(number.String())
	}
	switch token {
	case json.Delim('{'):
		return r.object(depth)
	case json.Delim('['):
		return r.array(depth)
	}
	return token, nil
}

func (r *reader) object(depth int) (any, error) {
	members := map[string]any{}
	for r.decoder.More() {
		token, err := r.decoder.Token()
		if err != nil {
			return nil, errNoJSON
		}
		name, _ := token.(string) // nothing else can stand here
		if _, twice := members[name]; twice {
			return nil, fmt.Errorf("%w: the field %.80q occurs twice", ErrMalformed, name)
		}
		value, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if !r.build {
			value = nil
		}
		members[name] = value
	}
	_, err := r.decoder.Token()
	return members, noJSON(err)
}

func (r *reader) array(depth int) (any, error) {
	elements := []any{}
	for r.decoder.More() {
		value, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if r.build {
			elements = append(elements, value)
		}
	}
	_, err := r.decoder.Token()
	return elements, noJSON(err)
}

func noJSON(err error) error {
	if err != nil {
		return errNoJSON
	}
	return nil
}

// readNumber refuses what no reader can hold.
func readNumber(number string) (any, error) {
	if len(number) <= maxNumber {
		if whole, err := strconv.ParseInt(number, 10, 64); err == nil {
			return whole, nil
		}
		if float, err := strconv.ParseFloat(number, 64); err == nil && !math.IsInf(float, 0) {
			return float, nil
		}
	}
	return nil, fmt.Errorf("%w: a number is out of range", ErrMalformed)
}

// text is a string of bounded length. Null is the empty one.
type text string

// UnmarshalText refuses what is too long.
func (t *text) UnmarshalText(value []byte) error {
	if len(value) > maxText {
		return fmt.Errorf("%w: a text has more than %d bytes", ErrMalformed, maxText)
	}
	*t = text(value)
	return nil
}

// moment is a time in RFC 3339, with a fraction of a second or without. Empty, null, and the zero time that Go programs write for none
// are the zero time.
type moment time.Time

// UnmarshalText parses the time.
func (m *moment) UnmarshalText(value []byte) error {
	if len(value) == 0 {
		return nil
	}
	if len(value) > maxNumber {
		return fmt.Errorf("%w: a time is too long", ErrMalformed)
	}
	at, err := time.Parse(time.RFC3339, string(value))
	if err != nil {
		return fmt.Errorf("%w: a time is not of the form 2006-01-02T15:04:05Z", ErrMalformed)
	}
	*m = moment(at.UTC())
	return nil
}
