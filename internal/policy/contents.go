// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/purl"
)

// contents is what is in an image, read once for all rules.
type contents struct {
	components []component
	licenses   licenses
	// unlisted is why the packages of a platform are not known.
	unlisted *judgement
}

// component is a package on one platform.
type component struct {
	*evidence.Package
	platform string
	// url is the zero Package when the package has none, and malformed says that it has one that cannot be read.
	url       purl.Package
	malformed bool
	licenses  []expression
}

// read returns what is in the image.
func (t *trial) read() *contents {
	if t.contents != nil {
		return t.contents
	}
	t.contents = &contents{}
	if len(t.platforms) == 0 {
		t.contents.unlisted = &judgement{of: v1alpha1.ResultUnknown, reason: v1alpha1.ReasonInProgress, message: "packages were not looked for yet"}
	}
	for _, p := range t.platforms {
		if p.Packages.State != evidence.Known {
			if t.contents.unlisted == nil {
				j := unknownOn(p, p.Packages, len(t.platforms), "packages were not listed yet")
				t.contents.unlisted = &j
			}
			continue
		}
		for i := range p.Packages.Value {
			t.contents.add(&p.Packages.Value[i], platformName(p))
		}
	}
	slices.SortStableFunc(t.contents.components, func(a, b component) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.PURL, b.PURL), cmp.Compare(a.Path, b.Path))
	})
	return t.contents
}

func (c *contents) add(p *evidence.Package, platform string) {
	one := component{Package: p, platform: platform}
	if p.PURL != "" {
		parsed, err := purl.Parse(p.PURL)
		one.url, one.malformed = parsed, err != nil
	}
	for _, text := range p.Licenses {
		one.licenses = append(one.licenses, c.licenses.parse(text))
	}
	c.components = append(c.components, one)
}

// judgeContents says whether a package in the image is denied. One that certainly is fails whatever else is not known.
func (t *trial) judgeContents(rule v1alpha1.SBOMDenyRule) judgement {
	patterns, err := patternsOf(rule)
	if err != nil {
		return judgement{of: v1alpha1.ResultUnknown, reason: v1alpha1.ReasonPolicyInvalid, message: err.Error() + "; correct the pattern"}
	}
	inside := t.read()
	names := inside.licenses.matching(rule.Licenses)
	var denied []denial
	var unsure *component
	for i := range inside.components {
		c := &inside.components[i]
		license, licensed := c.license(names)
		if len(rule.Licenses) > 0 && !licensed {
			continue
		}
		switch c.matches(patterns) {
		case purl.Yes:
			denied = append(denied, denial{c, license})
		case purl.Unsure:
			unsure = cmp.Or(unsure, c)
		}
	}
	switch {
	case len(denied) > 0:
		return fail(v1alpha1.ReasonPackageDenied, describeDenied(denied, len(t.platforms)))
	case inside.unlisted != nil:
		return *inside.unlisted
	case unsure != nil:
		return judgement{of: v1alpha1.ResultUnknown, reason: v1alpha1.ReasonInventoryIncomplete, message: fmt.Sprintf(
			"whether %s is denied is not known, since its version cannot be compared; deny the package without a version, or remove it", unsure)}
	}
	return pass()
}

func patternsOf(rule v1alpha1.SBOMDenyRule) ([]purl.Pattern, error) {
	patterns := make([]purl.Pattern, 0, len(rule.Packages))
	for _, text := range rule.Packages {
		pattern, err := purl.ParsePattern(string(text))
		if err != nil {
			return nil, err
		}
		patterns = append(patterns, pattern)
	}
	return patterns, nil
}

// matches says whether one of the patterns matches the package, or there is none. A package whose URL cannot be read may be any.
func (c *component) matches(patterns []purl.Pattern) purl.Answer {
	if len(patterns) == 0 {
		return purl.Yes
	}
	if c.malformed {
		return purl.Unsure
	}
	answer := purl.No
	for i := range patterns {
		switch patterns[i].Match(c.url) {
		case purl.Yes:
			return purl.Yes
		case purl.Unsure:
			answer = purl.Unsure
		}
	}
	return answer
}

// denial is a package that is denied, with the licence to name beside it; "" when it has none.
type denial struct {
	*component
	license string
}

// license returns the first of the package's licences that is denied, and otherwise the first of all. They hold all together, so
// that one is enough.
func (c *component) license(denied []bool) (text string, isDenied bool) {
	at := slices.IndexFunc(c.licenses, func(e expression) bool { return e.denied(denied) })
	if at < 0 && len(c.Licenses) == 0 {
		return "", false
	}
	return c.Licenses[max(at, 0)], at >= 0
}

// String names the package for a message.
func (c *component) String() string {
	text := evidence.Printable(c.Name, maxNamedPackage)
	if c.Version != "" {
		text += " " + evidence.Printable(c.Version, maxNamedVersion)
	}
	return text
}

func describeDenied(denied []denial, platforms int) string {
	var named []string
	for _, c := range denied {
		text := c.String()
		if platforms > 1 {
			text += " on " + c.platform
		}
		if c.license != "" {
			text += " (" + evidence.Printable(c.license, maxNamedID) + ")"
		}
		if named = append(named, text); len(named) > maxNamed {
			break
		}
	}
	return list(count(len(denied), "denied package"), named, "remove them, or use others in their place")
}
