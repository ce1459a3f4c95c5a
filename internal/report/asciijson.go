// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// maxValue bounds one string in JSON, in characters as they are written.
const maxValue = 8192

// writeJSON writes the value in ASCII alone, and without "#", so that it means the same to a program, and nothing to a terminal or
// to a service that looks for commands in what it reads. A longer string is cut, and ends in dots.
func writeJSON(w io.Writer, value any) error {
	document, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(inASCII(document), '\n'))
	return err
}

// inASCII rewrites the strings of a JSON document.
func inASCII(document []byte) []byte {
	var out bytes.Buffer
	inString, length := false, 0
	for len(document) > 0 {
		piece, size := nextPiece(document)
		document = document[size:]
		switch {
		case string(piece) == `"`:
			if length > maxValue {
				out.WriteString("...")
			}
			inString, length = !inString, 0
		case inString:
			length += len(piece)
		}
		if length <= maxValue {
			out.Write(piece)
		}
	}
	return out.Bytes()
}

// nextPiece returns how the next character or escape sequence is written so, and its size in the document.
func nextPiece(document []byte) (piece []byte, size int) {
	if document[0] == '\\' {
		size = 2
		if document[1] == 'u' {
			size = 6
		}
		return document[:size], size
	}
	r, size := utf8.DecodeRune(document)
	switch {
	case r < 0x7f && r != '#':
		return document[:size], size
	case r <= 0xffff:
		return fmt.Appendf(nil, `\u%04x`, r), size
	}
	high, low := utf16.EncodeRune(r)
	return fmt.Appendf(nil, `\u%04x\u%04x`, high, low), size
}
