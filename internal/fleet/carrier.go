// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// Pattern chooses packages by their package URLs; purl.Pattern is one.
type Pattern interface {
	Matches(purl string) bool
}

// Carrier is a package in one platform's image that somebody asked for.
type Carrier struct {
	// Manifest of the platform.
	Manifest image.Digest
	Package  evidence.Package
	// ID of the vulnerability in the package, with the version that fixes it and its severity; all zero where packages were
	// asked for.
	ID           string
	FixedVersion string
	Severity     evidence.Severity
}

// Carrying returns the images that carry any of the vulnerabilities, by id or alias, sorted.
func (f *Fleet) Carrying(map[string]struct{}) []image.Digest { return nil }

// Affected returns the packages that carry the vulnerability, which is named by its id or an alias, sorted by image and package.
func (f *Fleet) Affected(string) []Carrier { return nil }

// Find returns the packages that the pattern matches, sorted by image and package.
func (f *Fleet) Find(Pattern) []Carrier { return nil }
