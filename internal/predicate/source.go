// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package predicate

import (
	"net/url"
	"strings"
)

// Source is a place in a version control system.
type Source struct {
	// URI of the repository, such as https://github.com/shop/checkout: without git+, without a ref, user, and .git at its end, with
	// scheme and host in lower case. What has no such form stays as it is, and is the same as nothing.
	URI string
	// Ref that was asked for, such as refs/heads/main, and Commit in 40 or 64 hexadecimal digits; empty when not stated.
	Ref, Commit string
}

// String is the URI, with the ref after an @ if there is one.
func (s Source) String() string {
	if s.Ref == "" {
		return s.URI
	}
	return s.URI + "@" + s.Ref
}

// SameSource says that got is the source that is wanted, whichever of them begins with git+ or ends in .git. A ref, after an @, matters when
// one is wanted. Paths are compared byte by byte, though some hosts do not know case in them.
func SameSource(wanted, got string) bool {
	w, g := locate(wanted), locate(got)
	return w.URI != "" && w.URI == g.URI && (w.Ref == "" || w.Ref == g.Ref)
}

// locate takes the URI of a source apart: scheme://host/path@ref as SPDX and SLSA write it, or scheme://host/path#ref:folder as git
// and BuildKit do. What has no host is nowhere.
func locate(text string) Source {
	parsed, err := url.Parse(strings.TrimPrefix(text, "git+"))
	if err != nil || parsed.Host == "" || len(text) > maxText {
		return Source{}
	}
	path, ref, _ := strings.Cut(parsed.EscapedPath(), "@")
	if ref == "" {
		ref, _, _ = strings.Cut(parsed.Fragment, ":")
	}
	path = strings.TrimSuffix(strings.TrimSuffix(path, "/"), ".git")
	uri := parsed.Scheme + "://" + strings.ToLower(parsed.Host) + path
	if parsed.RawQuery != "" {
		uri += "?" + parsed.RawQuery
	}
	return Source{URI: uri, Ref: ref}
}

// sourceOf returns the source that a resource is.
func sourceOf(r resource) Source {
	source := locate(string(r.URI))
	if source.URI == "" {
		source.URI = string(r.URI)
	}
	for _, algorithm := range []string{"gitCommit", "sha1"} {
		if digest := string(r.Digest[algorithm]); isHex(digest, 40) || isHex(digest, 64) {
			source.Commit = digest
			break
		}
	}
	return source
}
