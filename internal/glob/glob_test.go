// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package glob

import (
	"regexp"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for name, test := range map[string]struct {
		pattern      string
		matches, not []string
	}{
		"a text matches itself alone":           {"abc", []string{"abc"}, []string{"ab", "abcd", "", "ABC"}},
		"nothing matches nothing":               {"", []string{""}, []string{"a"}},
		"a star stands for anything":            {"*", []string{"", "a", "a/b"}, nil},
		"a star in front":                       {"*c", []string{"c", "abc", "cc"}, []string{"", "ca"}},
		"a star behind":                         {"a*", []string{"a", "abc"}, []string{"", "ba"}},
		"what a star stands for may be nothing": {"a*c", []string{"ac", "abc", "acc"}, []string{"a", "c", "ab"}},
		"beginning and end may not overlap":     {"aba*aba", []string{"abaaba", "abaxaba"}, []string{"aba", "ababa"}},
		"parts stand in their order":            {"*a*b*", []string{"ab", "xaxbx"}, []string{"ba", "a", "b"}},
		"the last part is at the end":           {"*ab*ab", []string{"abab", "xabxabab"}, []string{"ab", "abx"}},
		"several stars are as one":              {"a**c", []string{"ac", "abc"}, []string{"a"}},
		"nothing else is special":               {"a.?[b]*", []string{"a.?[b]", "a.?[b]c"}, []string{"axxb"}},
		"many stars take no time":               {strings.Repeat("*a", 100) + "*b", nil, []string{strings.Repeat("a", 4000)}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, text := range test.matches {
				if !Match(test.pattern, text) {
					t.Errorf("%q does not match %q", test.pattern, text)
				}
			}
			for _, text := range test.not {
				if Match(test.pattern, text) {
					t.Errorf("%q matches %q", test.pattern, text)
				}
			}
		})
	}
}

func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{{"a*b", "axb"}, {"*a*b*a", "abaXba"}, {"aba*aba", "ababa"}, {"", ""}, {"**", "x"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 200 || len(text) > 1000 || strings.ToValidUTF8(pattern+text, "") != pattern+text {
			t.Skip()
		}
		parts := strings.Split(pattern, "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		want := regexp.MustCompile("(?s)^" + strings.Join(parts, ".*") + "$").MatchString(text)
		if got := Match(pattern, text); got != want {
			t.Fatalf("%q and %q: got %t, want %t", pattern, text, got, want)
		}
	})
}
