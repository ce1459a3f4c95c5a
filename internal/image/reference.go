// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package image holds what is known of an image before anybody looks into it: references, digests, platforms,
// manifests and indexes. Everything is parsed once, bounded, and from then on a value that cannot be wrong.
package image

import (
	"fmt"
	"regexp"
	"strings"
)

// maxReferenceLength bounds a reference in bytes: 253 of host, 255 of path, 128 of tag, 71 of digest, and what stands between.
const maxReferenceLength = 720

// tagName is the grammar of the OCI distribution specification 1.1, "pulling manifests".
var tagName = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

// Reference names one manifest or index for ever: a repository and a digest.
type Reference struct {
	Repository Repository
	Digest     Digest
}

// String returns repository@digest.
func (r Reference) String() string { return r.Repository.String() + "@" + r.Digest.String() }

// ParseReference parses an image reference that names a digest, with or without a tag beside it, as it stands in a Pod.
// The tag is ignored, as container runtimes ignore it. The error wraps ErrMalformed, also when the reference has no digest.
func ParseReference(s string) (Reference, error) {
	if len(s) > maxReferenceLength {
		return Reference{}, fmt.Errorf("%w reference: longer than %d characters", ErrMalformed, maxReferenceLength)
	}
	base, digest, found := strings.Cut(s, "@")
	if !found {
		return Reference{}, fmt.Errorf("%w reference %.80q: want repository@sha256:<digest>", ErrMalformed, s)
	}
	var r Reference
	var err error
	if r.Digest, err = ParseDigest(digest); err != nil {
		return Reference{}, err
	}
	if i := strings.LastIndexByte(base, ':'); i > strings.LastIndexByte(base, '/') {
		if !tagName.MatchString(base[i+1:]) {
			return Reference{}, malformedTag(base[i+1:])
		}
		base = base[:i]
	}
	if r.Repository, err = ParseRepository(base); err != nil {
		return Reference{}, err
	}
	return r, nil
}

// Tag is a tag in a repository. What it names may change from one look to the next.
type Tag struct {
	Repository Repository
	Name       string
}

// ParseTag checks a tag's name (OCI distribution specification). The error wraps ErrMalformed.
func ParseTag(repository Repository, tag string) (Tag, error) {
	if !tagName.MatchString(tag) {
		return Tag{}, malformedTag(tag)
	}
	return Tag{Repository: repository, Name: tag}, nil
}

// String returns repository:tag.
func (t Tag) String() string { return t.Repository.String() + ":" + t.Name }

func malformedTag(tag string) error {
	return fmt.Errorf("%w tag %.80q: want at most 128 of [a-zA-Z0-9_.-], the first no dot and no dash", ErrMalformed, tag)
}
