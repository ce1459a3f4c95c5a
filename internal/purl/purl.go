// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package purl matches package URLs (https://github.com/package-url/purl-spec) with patterns. It compares versions as the
// package's own ecosystem does. All of it is pure, and takes time linear in the length of what it is given.
package purl

import (
	"errors"
	"fmt"
	"strings"

	"github.com/package-url/packageurl-go"
)

// maxLength of a package URL, in bytes. The names in one come from an image.
const maxLength = 4096

// ErrMalformed says that a text is no package URL.
var ErrMalformed = errors.New("not a package URL")

// Package is what a package URL names, in the form that its type prescribes. The zero value is no package.
type Package struct {
	// Type is the ecosystem, such as deb, golang or npm.
	Type string
	// Path is the namespace and the name, such as debian/openssl, golang.org/x/crypto or @babel/core.
	Path string
	// Version with its epoch, if it has one; empty when the URL has no version.
	Version string

	qualifiers map[string]string
	subpath    string
}

// Parse parses a package URL. The error wraps ErrMalformed.
func Parse(text string) (Package, error) {
	if len(text) > maxLength {
		return Package{}, fmt.Errorf("%w: longer than %d bytes", ErrMalformed, maxLength)
	}
	parsed, err := packageurl.FromString(text)
	if err != nil {
		return Package{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	p := Package{Type: parsed.Type, Path: parsed.Name, Version: parsed.Version, subpath: parsed.Subpath}
	if parsed.Namespace != "" {
		p.Path = parsed.Namespace + "/" + parsed.Name
	}
	if len(parsed.Qualifiers) > 0 {
		p.qualifiers = parsed.Qualifiers.Map()
	}
	p.takeEpoch()
	return p, nil
}

// Qualifier returns the value of a qualifier, such as arch or repository_url, and "" when the URL does not have it.
func (p Package) Qualifier(name string) string { return p.qualifiers[name] }

// epoch is the qualifier in which some tools write a version's epoch, and others write it in front of the version.
const epoch = "epoch"

// takeEpoch writes the epoch in front of the version.
func (p *Package) takeEpoch() {
	if p.Type != "deb" && p.Type != "rpm" {
		return
	}
	number, found := p.qualifiers[epoch]
	if !found {
		return
	}
	delete(p.qualifiers, epoch)
	if p.Version != "" && number != "" && number != "0" && !strings.Contains(p.Version, ":") {
		p.Version = number + ":" + p.Version
	}
}
