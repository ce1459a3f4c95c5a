// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package image holds what is known of an image before anybody looks into it: references, digests, platforms,
// manifests and indexes. Everything is parsed once, bounded, and from then on a value that cannot be wrong.
package image

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// maxReferenceLength bounds a reference in bytes. The longest useful one has 255 bytes of repository, 128 of tag and 71 of digest.
const maxReferenceLength = 512

// dockerHub is the canonical name of the registry that a reference without a host means.
const dockerHub = "docker.io"

// Repository is the canonical name of a repository: the host in lower case, docker.io and its library folder written out.
// The zero value is no repository.
type Repository struct{ host, path string }

// ParseRepository parses and canonicalises a repository without tag and digest. The error wraps ErrMalformed.
func ParseRepository(s string) (Repository, error) {
	if len(s) > maxReferenceLength {
		return Repository{}, fmt.Errorf("%w repository: longer than %d characters", ErrMalformed, maxReferenceLength)
	}
	parsed, err := name.NewRepository(s, name.WeakValidation)
	if err != nil || strings.ContainsAny(s, "@ ") {
		return Repository{}, fmt.Errorf("%w repository %.80q: want host/path without tag and digest", ErrMalformed, s)
	}
	host := strings.ToLower(parsed.RegistryStr())
	if host == name.DefaultRegistry {
		host = dockerHub
	}
	return Repository{host: host, path: parsed.RepositoryStr()}, nil
}

// Host returns the registry's host, with its port if it has one.
func (r Repository) Host() string { return r.host }

// Path returns the repository's path within its registry.
func (r Repository) Path() string { return r.path }

// String returns host/path, and "" for the zero value.
func (r Repository) String() string {
	if r.IsZero() {
		return ""
	}
	return r.host + "/" + r.path
}

// IsZero says that r is no repository.
func (r Repository) IsZero() bool { return r == Repository{} }

// MarshalText writes the repository as String does.
func (r Repository) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (r *Repository) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*r = Repository{}
		return nil
	}
	parsed, err := ParseRepository(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

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
	parsed, err := name.NewDigest(s, name.WeakValidation)
	if err != nil {
		return Reference{}, fmt.Errorf("%w reference %.80q: want repository@sha256:<digest>", ErrMalformed, s)
	}
	digest, err := ParseDigest(parsed.DigestStr())
	if err != nil {
		return Reference{}, err
	}
	repository, err := ParseRepository(parsed.Context().Name())
	if err != nil {
		return Reference{}, err
	}
	return Reference{Repository: repository, Digest: digest}, nil
}

// Tag is a tag in a repository. What it names may change from one look to the next.
type Tag struct {
	Repository Repository
	Name       string
}

// ParseTag checks a tag's name (OCI distribution specification). The error wraps ErrMalformed.
func ParseTag(repository Repository, tag string) (Tag, error) {
	if _, err := name.NewTag(repository.String()+":"+tag, name.StrictValidation); err != nil || strings.ContainsAny(tag, ":/@ ") {
		return Tag{}, fmt.Errorf("%w tag %.80q: want at most 128 of [a-zA-Z0-9_.-]", ErrMalformed, tag)
	}
	return Tag{Repository: repository, Name: tag}, nil
}

// String returns repository:tag.
func (t Tag) String() string { return t.Repository.String() + ":" + t.Name }
