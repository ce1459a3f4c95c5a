// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"
)

func TestNonRoot(t *testing.T) {
	for name, test := range map[string]struct {
		users []string
		want  bool
	}{
		"a plain number other than 0":                 {[]string{"1", "65532", "2147483647", "1000:1000", "1000:0", "1000:root", "1001:staff"}, true},
		"a plain name other than root":                {[]string{"nonroot", "www-data", "_apt", "app.user", "nobody:nogroup", "rooted", "Appuser"}, true},
		"nobody named":                                {[]string{"", ":", ":0", ":1000"}, false},
		"root by its number":                          {[]string{"0", "0:0", "0:1000"}, false},
		"root by its name":                            {[]string{"root", "root:root", "root:1000", "ROOT"}, false},
		"numbers that some runtimes read as 0":        {[]string{"00", "+0", "-0", "0x0", "0o0", "0b0", "000000", "0.0", "0e1"}, false},
		"numbers that overflow to another user":       {[]string{"2147483648", "4294967295", "4294967296", "18446744073709551616", strings.Repeat("9", 400)}, false},
		"numbers with a sign or leading zeros":        {[]string{"+1000", "-1", "-1000", "01000"}, false},
		"white space around":                          {[]string{" ", " 0", "1000 ", "\t1000", "1000\n", "nobody\n", "\u00a01000"}, false},
		"other alphabets' digits and letters":         {[]string{"１０００", "rооt", "nobodу"}, false},
		"characters that no user has":                 {[]string{"a/b", "a\x00", "a b", "$(id)", "NT AUTHORITY\\SYSTEM", "-x"}, false},
		"a group that is none":                        {[]string{"1000:", "1000:00", "1000: 0", "1000:0:0", "nobody:-1"}, false},
		"a number that is followed by something else": {[]string{"1000abc", "1000,0"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, user := range test.users {
				if got := nonRoot(user); got != test.want {
					t.Errorf("%q: got %t, want %t", user, got, test.want)
				}
			}
		})
	}
}
