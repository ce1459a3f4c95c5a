// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Container runtimes decode documents with encoding/json, which takes the last of several members of one name and does not
// look at case. The functions of this file refuse what such a decoder could read otherwise than Assay.

// maxMembers bounds the members of an object, known or not: a document of maximal size has room for half a million.
const maxMembers = 1024

// members reads a JSON object. A name that occurs twice, or that is one of known but for its case, is refused; other names
// are nobody's business and pass.
func members(raw []byte, known ...string) (map[string]json.RawMessage, error) {
	decoder, err := open(raw, '{', "an object")
	if err != nil {
		return nil, err
	}
	result := map[string]json.RawMessage{}
	for decoder.More() {
		if len(result) == maxMembers {
			return nil, fmt.Errorf("%w: more than %d members", ErrOverLimit, maxMembers)
		}
		name, value, err := member(decoder)
		if err != nil {
			return nil, err
		}
		if _, twice := result[name]; twice {
			return nil, fmt.Errorf("%w: the member %.80q occurs twice", ErrMalformed, name)
		}
		for _, k := range known {
			if name != k && strings.EqualFold(name, k) {
				return nil, fmt.Errorf("%w: the member %.80q must be spelt %q", ErrMalformed, name, k)
			}
		}
		result[name] = value
	}
	return result, end(decoder)
}

// elements reads a JSON array of at most limit elements, which are there beside the error when there are more. Absent and null are
// no elements.
func elements(raw json.RawMessage, limit int) ([]json.RawMessage, error) {
	if isNull(raw) {
		return nil, nil
	}
	decoder, err := open(raw, '[', "an array")
	if err != nil {
		return nil, err
	}
	var result []json.RawMessage
	for decoder.More() {
		if len(result) == limit {
			return result, fmt.Errorf("%w: more than %d elements", ErrOverLimit, limit)
		}
		var element json.RawMessage
		if decoder.Decode(&element) != nil {
			return nil, errInvalidJSON
		}
		result = append(result, element)
	}
	return result, end(decoder)
}

// texts reads a JSON object of at most limit strings, whose names are free. Absent and null are none.
func texts(raw json.RawMessage, limit int) (map[string]string, error) {
	if isNull(raw) {
		return nil, nil
	}
	values, err := members(raw)
	if err != nil {
		return nil, err
	}
	if len(values) > limit {
		return nil, fmt.Errorf("%w: more than %d of them", ErrOverLimit, limit)
	}
	result := make(map[string]string, len(values))
	for name, value := range values {
		if result[name], err = text(value); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// text reads a JSON string. Absent and null are the empty string.
func text(raw json.RawMessage) (string, error) {
	var s string
	if raw != nil && json.Unmarshal(raw, &s) != nil {
		return "", fmt.Errorf("%w: want a string", ErrMalformed)
	}
	return s, nil
}

// integer reads a whole JSON number. Absent and null are zero.
func integer(raw json.RawMessage) (int64, error) {
	var n int64
	if raw != nil && json.Unmarshal(raw, &n) != nil {
		return 0, fmt.Errorf("%w: want a whole number", ErrMalformed)
	}
	return n, nil
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// errInvalidJSON does not repeat the decoder's text, which quotes the document.
var errInvalidJSON = fmt.Errorf("%w: not valid JSON", ErrMalformed)

// open begins to read an object or array.
func open(raw []byte, delimiter json.Delim, kind string) (*json.Decoder, error) {
	if !utf8.Valid(raw) {
		return nil, errInvalidJSON
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	token, err := decoder.Token()
	if err != nil {
		return nil, errInvalidJSON
	}
	if token != delimiter {
		return nil, fmt.Errorf("%w: want %s", ErrMalformed, kind)
	}
	return decoder, nil
}

func member(decoder *json.Decoder) (name string, value json.RawMessage, err error) {
	token, err := decoder.Token()
	if err != nil {
		return "", nil, errInvalidJSON
	}
	name, _ = token.(string) // within an object nothing else stands here
	if decoder.Decode(&value) != nil {
		return "", nil, errInvalidJSON
	}
	return name, value, nil
}

// end reads the closing delimiter and refuses anything after it.
func end(decoder *json.Decoder) error {
	if _, err := decoder.Token(); err != nil {
		return errInvalidJSON
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows the end of the document", ErrMalformed)
	}
	return nil
}
