// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"strings"
	"testing"
)

func TestPrintable(t *testing.T) {
	for name, test := range map[string]struct {
		text  string
		limit int
		want  string
	}{
		"a plain text stays as it is":            {"openssl 3.0.1", 20, "openssl 3.0.1"},
		"a text of exactly the limit stays":      {"openssl", 7, "openssl"},
		"a longer text is cut and says so":       {"openssl", 6, "ope..."},
		"a terminal's escape sequence is shown":  {"a\x1b[31mred", 40, `a\x1b[31mred`},
		"lines stay one line":                    {"a\r\nb\x00", 40, `a\r\nb\x00`},
		"a turn of writing direction is shown":   {"a\u202eb", 40, `a\u202eb`},
		"letters that look alike are told apart": {"p\u0430ypal", 40, `p\u0430ypal`},
		"bytes that are no text are shown":       {"a\xffb", 40, `a\ufffdb`},
		"a delete character is shown":            {"a\x7fb", 40, `a\x7fb`},
		"a quote and a backslash stay":           {`"a\b'`, 40, `"a\b'`},
		"a very long text costs no more":         {strings.Repeat("a", 1<<20), 10, "aaaaaaa..."},
	} {
		t.Run(name, func(t *testing.T) {
			got := Printable(test.text, test.limit)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if again := Printable(got, test.limit); again != got {
				t.Errorf("a second time %q becomes %q", got, again)
			}
		})
	}
}
