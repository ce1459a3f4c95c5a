// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image

import (
	"fmt"
	"slices"
	"strings"
)

// Platform is what an image runs on.
type Platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant,omitempty"`
}

// ParsePlatform parses os/architecture or os/architecture/variant. The error wraps ErrMalformed.
func ParsePlatform(s string) (Platform, error) {
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 || slices.ContainsFunc(parts, func(part string) bool { return !platformWord.MatchString(part) }) {
		return Platform{}, fmt.Errorf("%w platform %.80q: want os/architecture or os/architecture/variant", ErrMalformed, s)
	}
	p := Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p, nil
}

// String returns os/architecture, and the variant if there is one.
func (p Platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// unknown is what BuildKit states as operating system and architecture of its attestations.
const unknown = "unknown"

// Runnable says that the platform is one that a container can run on.
func (p Platform) Runnable() bool {
	return p.OS != "" && p.OS != unknown && p.Architecture != "" && p.Architecture != unknown
}

// Selects says that an image for other satisfies a wish for p. A wish without a variant takes any.
func (p Platform) Selects(other Platform) bool {
	return p.OS == other.OS && p.Architecture == other.Architecture && (p.Variant == "" || p.Variant == other.Variant)
}
