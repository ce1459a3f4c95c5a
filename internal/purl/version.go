// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package purl

import (
	"errors"
	"fmt"
	"strings"

	gem "github.com/aquasecurity/go-gem-version"
	pep440 "github.com/aquasecurity/go-pep440-version"
	semantic "github.com/aquasecurity/go-version/pkg/version"
	bitnami "github.com/bitnami/go-version/pkg/version"
	apk "github.com/knqyf263/go-apk-version"
	deb "github.com/knqyf263/go-deb-version"
	rpm "github.com/knqyf263/go-rpm-version"
	maven "github.com/masahiro331/go-mvn-version"
)

// maxVersion is the length of a version that can be ordered, in bytes.
const maxVersion = 256

// errVersion says that a version cannot be ordered.
var errVersion = errors.New("not a version of its ecosystem")

// order compares two versions: negative when the first is lower, positive when it is higher.
type order func(a, b string) (int, error)

// orderOf returns how an ecosystem orders its versions, by the libraries that the vulnerability database's detectors use,
// and nil when nobody knows.
func orderOf(typ string) order {
	switch typ {
	case "deb":
		return ordered(deb.NewVersion, func(a, b deb.Version) int { return a.Compare(b) })
	case "apk":
		return ordered(apk.NewVersion, apk.Version.Compare)
	case "rpm":
		return ordered(func(text string) (rpm.Version, error) { return rpm.NewVersion(text), nil }, rpm.Version.Compare)
	case "pypi", "conda":
		return ordered(pep440.Parse, pep440.Version.Compare)
	case "gem", "cocoapods":
		return ordered(gem.NewVersion, gem.Version.Compare)
	case "maven":
		return ordered(maven.NewVersion, maven.Version.Compare)
	case "bitnami":
		return ordered(bitnami.Parse, bitnami.Version.Compare)
	case "npm", "golang", "cargo", "composer", "nuget", "hex", "pub", "conan", "swift", "julia", "k8s", "github":
		return ordered(semantic.Parse, semantic.Version.Compare)
	default:
		return nil
	}
}

func ordered[V any](parse func(string) (V, error), compare func(a, b V) int) order {
	return func(a, b string) (int, error) {
		first, err := parse(a)
		if err != nil {
			return 0, err
		}
		second, err := parse(b)
		if err != nil {
			return 0, err
		}
		return compare(first, second), nil
	}
}

// compare compares two versions of an ecosystem. The error says that one of them cannot be ordered.
func compare(typ, a, b string) (int, error) {
	by := orderOf(typ)
	if by == nil || !orderable(a) || !orderable(b) {
		return 0, errVersion
	}
	return by(a, b)
}

// orderable says that a version is such as the libraries are made for. They panic on nothing of it.
func orderable(version string) bool {
	return version != "" && len(version) <= maxVersion &&
		!strings.ContainsFunc(version, func(r rune) bool { return r <= ' ' || r > '~' })
}

// sameVersion says that two versions are written the same, but for the v in front of those of Go.
func sameVersion(typ, a, b string) bool {
	if typ == "golang" {
		a, b = strings.TrimPrefix(a, "v"), strings.TrimPrefix(b, "v")
	}
	return a == b
}

// bound is one end of a range of versions.
type bound struct {
	operator string
	version  string
}

// operators of bounds. The longer ones come first, since the others are their beginnings.
var operators = [...]string{"<=", ">=", "<", ">"}

// parseRange parses bounds with commas between.
func parseRange(typ, text string) ([]bound, error) {
	if orderOf(typ) == nil {
		return nil, fmt.Errorf("%w: the order of versions of type %s is not known; name one version or none", ErrPattern, typ)
	}
	parts := strings.Split(text, ",")
	if len(parts) > maxBounds {
		return nil, fmt.Errorf("%w: more than %d bounds of the version", ErrPattern, maxBounds)
	}
	bounds := make([]bound, 0, len(parts))
	for _, part := range parts {
		b, err := parseBound(typ, part)
		if err != nil {
			return nil, err
		}
		bounds = append(bounds, b)
	}
	return bounds, nil
}

func parseBound(typ, text string) (bound, error) {
	for _, operator := range operators {
		version, found := strings.CutPrefix(text, operator)
		if !found {
			continue
		}
		if _, err := compare(typ, version, version); err != nil {
			return bound{}, fmt.Errorf("%w: %q is no version of type %s", ErrPattern, version, typ)
		}
		return bound{operator, version}, nil
	}
	return bound{}, fmt.Errorf("%w: %q begins with none of <, <=, > and >=", ErrPattern, text)
}

// within says whether a version lies within all bounds.
func within(typ, version string, bounds []bound) Answer {
	for _, b := range bounds {
		result, err := compare(typ, version, b.version)
		if err != nil {
			return Unsure
		}
		if !b.holds(result) {
			return No
		}
	}
	return Yes
}

// holds says whether the bound holds for a version that compares with the bound's own by the result.
func (b bound) holds(result int) bool {
	switch b.operator {
	case "<":
		return result < 0
	case "<=":
		return result <= 0
	case ">":
		return result > 0
	default:
		return result >= 0
	}
}
