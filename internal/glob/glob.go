// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package glob matches texts with patterns in which * stands for any characters.
package glob

import "strings"

// Match says that the pattern matches the whole text, in time linear in the length of both: the texts between two stars are taken
// where they come first, which leaves the most room for those that follow.
func Match(pattern, text string) bool {
	part, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	text, begins := strings.CutPrefix(text, part)
	if !begins {
		return false
	}
	for {
		part, rest, star = strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(text, part)
		}
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text = text[at+len(part):]
	}
}
