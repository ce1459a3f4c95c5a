// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package purl

import (
	"errors"
	"fmt"
	"strings"

	"github.com/assay-dev/assay/internal/glob"
)

// Limits of patterns. The API has the first as well.
const (
	maxPattern = 256 // bytes
	maxBounds  = 8   // of one range
)

// ErrPattern says that a text is no pattern of package URLs.
var ErrPattern = errors.New("not a pattern of package URLs")

// Answer to whether a pattern matches a package. The zero value is No.
type Answer uint8

// The answers.
const (
	No Answer = iota
	Yes
	// Unsure: all but the version matches, and whether the version lies in the pattern's range cannot be told, because the
	// package has none or one that its ecosystem cannot order.
	Unsure
)

// Pattern describes packages: all of one package URL, or of several. The zero value matches nothing.
type Pattern struct {
	typ        string
	path       string
	literal    bool   // that * in path stands for itself
	version    string // that alone; "" for any
	bounds     []bound
	qualifiers map[string]string
	subpath    string
}

// ParsePattern parses a package URL in whose namespace and name * stands for any characters, slashes included, and in which a
// range may stand for the version: bounds with commas between, of which all must hold, such as
//
//	pkg:golang/golang.org/x/crypto@<0.31
//	pkg:maven/org.apache.logging.log4j/*@>=2.0,<2.17.1
//	pkg:deb/*/openssl
//
// A bound is one of <, <=, > and >= and a version. Without a version the pattern matches every version; one without bounds
// matches that version alone, letter by letter. Qualifiers restrict the pattern where they are given. The error wraps ErrPattern
// and says what is wrong.
func ParsePattern(text string) (Pattern, error) {
	if len(text) > maxPattern {
		return Pattern{}, fmt.Errorf("%w: longer than %d bytes", ErrPattern, maxPattern)
	}
	parsed, err := Parse(text)
	if err != nil {
		return Pattern{}, fmt.Errorf("%w: %w", ErrPattern, err)
	}
	p := patternOf(parsed)
	if strings.ContainsAny(parsed.Version, "<>") {
		p.version = ""
		if p.bounds, err = parseRange(parsed.Type, parsed.Version); err != nil {
			return Pattern{}, err
		}
	}
	return p, nil
}

// ParseProduct parses a package URL that names a product, as others than the authors of policies write it: every character in it
// stands for itself. Without a version it is every version. The error wraps ErrMalformed.
func ParseProduct(text string) (Pattern, error) {
	parsed, err := Parse(text)
	if err != nil {
		return Pattern{}, err
	}
	p := patternOf(parsed)
	p.literal = true
	return p, nil
}

func patternOf(p Package) Pattern {
	return Pattern{typ: p.Type, path: p.Path, version: p.Version, qualifiers: p.qualifiers, subpath: p.subpath}
}

// Wildcard says that the pattern has a * in its namespace or name.
func (p Pattern) Wildcard() bool { return !p.literal && strings.Contains(p.path, "*") }

// Matches says that the pattern certainly matches the package URL. It does not match a text that is none.
func (p Pattern) Matches(purl string) bool {
	parsed, err := Parse(purl)
	return err == nil && p.Match(parsed) == Yes
}

// Match says whether the pattern matches the package.
func (p Pattern) Match(of Package) Answer {
	if p.typ == "" || p.typ != of.Type || !p.matchesPath(of.Path) {
		return No
	}
	if p.subpath != "" && p.subpath != of.subpath {
		return No
	}
	for name, value := range p.qualifiers {
		if of.qualifiers[name] != value {
			return No
		}
	}
	if p.version != "" && !sameVersion(p.typ, p.version, of.Version) {
		return No
	}
	return within(p.typ, of.Version, p.bounds)
}

func (p Pattern) matchesPath(path string) bool {
	if p.literal {
		return p.path == path
	}
	return glob.Match(p.path, path)
}
