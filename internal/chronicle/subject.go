// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package chronicle

import (
	"strings"
	"unicode/utf8"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// packageOf is what a finding's package is remembered by.
func packageOf(f evidence.Finding) string {
	if f.PURL == "" {
		return f.Package
	}
	return withoutVersion(f.PURL)
}

// withoutVersion cuts version, qualifiers and subpath from a package URL.
func withoutVersion(url string) string {
	if end := strings.IndexAny(url, "?#"); end >= 0 {
		url = url[:end]
	}
	if at := strings.LastIndexByte(url, '@'); at > strings.LastIndexByte(url, '/') {
		url = url[:at]
	}
	return url
}

// subjectOf returns what is remembered for the names, which an image's packages are free to choose. One that is too long, or that JSON
// cannot hold, is remembered by its hash.
func subjectOf(id, pkg string) subject { return subject{bounded(id), bounded(pkg)} }

func bounded(name string) string {
	if len(name) <= maxName && utf8.ValidString(name) {
		return name
	}
	return image.DigestOf([]byte(name)).String()
}
