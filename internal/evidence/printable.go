// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"strconv"
	"strings"
)

// ellipsis ends a text that was cut.
const ellipsis = "..."

// Printable makes a text that others wrote fit to stand in a message: at most limit characters of ASCII, everything else
// escaped as in Go's notation. So nothing in it can move a terminal's cursor, turn the direction of writing, or pass
// for another letter. A printable text that is short enough is returned as it is.
func Printable(text string, limit int) string {
	var b strings.Builder
	for _, r := range text {
		piece := string(r)
		if r < ' ' || r > '~' {
			piece = strings.Trim(strconv.QuoteRuneToASCII(r), "'")
		}
		if b.Len()+len(piece) > limit {
			return b.String()[:min(b.Len(), max(0, limit-len(ellipsis)))] + ellipsis
		}
		b.WriteString(piece)
	}
	return b.String()
}
