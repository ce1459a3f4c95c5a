// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image

import (
	"fmt"
	"strings"
)

// ParseTagged parses repository:tag as people write it; without a tag it is latest. The error wraps ErrMalformed.
func ParseTagged(s string) (Tag, error) {
	if len(s) > maxReferenceLength {
		return Tag{}, fmt.Errorf("%w reference: longer than %d characters", ErrMalformed, maxReferenceLength)
	}
	name, tag := s, "latest"
	if colon := strings.LastIndexByte(s, ':'); colon > strings.LastIndexByte(s, '/') {
		name, tag = s[:colon], s[colon+1:]
	}
	repository, err := ParseRepository(name)
	if err != nil {
		return Tag{}, err
	}
	return ParseTag(repository, tag)
}
