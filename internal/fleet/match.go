// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/vulnerability"
)

// Match implements [vulnerability.Matcher].
func (f *Fleet) Match(ctx context.Context, manifest image.Digest) (vulnerability.Matched, error) {
	matched, err := f.match(manifest)
	if !errors.Is(err, errNotMatched) {
		return matched, err
	}
	if err := f.catchUp(ctx, manifest); err != nil {
		return vulnerability.Matched{}, err
	}
	return f.match(manifest)
}

// errNotMatched says that an image was added and there was no database, or no time, to match it.
var errNotMatched = errors.New("the image has not been matched yet")

func (f *Fleet) match(manifest image.Digest) (vulnerability.Matched, error) {
	f.mutex.RLock()
	defer f.mutex.RUnlock()
	e, known := f.catalog.images[manifest]
	switch {
	case !known:
		return vulnerability.Matched{}, notAdded(manifest)
	case e.failure != nil:
		return vulnerability.Matched{}, e.failure
	case f.results == nil || !f.results.cover(e):
		return vulnerability.Matched{}, errNotMatched
	}
	if err := f.results.failure(f.catalog, e); err != nil {
		return vulnerability.Matched{}, err
	}
	return vulnerability.Matched{
		Findings:     f.findings(e),
		Distribution: f.results.surroundings[e.surroundings].distribution,
	}, nil
}

// found is a finding with what tells packages apart that look the same.
type found struct {
	evidence.Finding
	packageID string
}

// findings puts the findings in an image together, sorted.
func (f *Fleet) findings(e entry) []evidence.Finding {
	numbers := slices.Clone(e.instances)
	slices.SortFunc(numbers, f.catalog.compareInstances)
	all := []found{}
	for _, number := range numbers {
		i := f.catalog.instances.rows[number]
		if i.tuple == noTuple {
			continue
		}
		for _, m := range f.results.matches[i.tuple] {
			all = append(all, f.found(i, m))
		}
	}
	// They come nearly sorted. Of a vulnerability in a package the last fixed version stands, as with trivy, and the severest.
	slices.SortStableFunc(all, func(a, b found) int {
		return cmp.Or(compareFindings(a.Finding, b.Finding), cmp.Compare(a.packageID, b.packageID),
			cmp.Compare(b.FixedVersion, a.FixedVersion), cmp.Compare(b.Severity, a.Severity), compareBool(a.Comprehensive, b.Comprehensive))
	})
	all = slices.CompactFunc(all, func(a, b found) bool {
		return compareFindings(a.Finding, b.Finding) == 0 && a.packageID == b.packageID
	})
	findings := make([]evidence.Finding, 0, len(all))
	for _, one := range all {
		findings = append(findings, one.Finding)
	}
	slices.SortStableFunc(findings, func(a, b evidence.Finding) int {
		return cmp.Or(compareFindings(a, b), cmp.Compare(a.FixedVersion, b.FixedVersion), cmp.Compare(a.Severity, b.Severity),
			compareBool(a.Comprehensive, b.Comprehensive))
	})
	return slices.CompactFunc(findings, func(a, b evidence.Finding) bool {
		return compareFindings(a, b) == 0 && a.FixedVersion == b.FixedVersion && a.Severity == b.Severity
	})
}

func (f *Fleet) found(i instance, m match) found {
	c, r := f.catalog, f.results
	p, rating := c.packages.rows[i.record], r.ratings[m.basis]
	return found{packageID: c.texts.rows[p.id], Finding: evidence.Finding{
		ID:            r.id(m),
		Aliases:       split(r.texts.rows[m.aliases]),
		Target:        c.texts.rows[i.target],
		Package:       c.texts.rows[p.name],
		Version:       c.texts.rows[p.version],
		Path:          c.texts.rows[i.path],
		PURL:          c.texts.rows[p.purl],
		FixedVersion:  r.texts.rows[m.fixed],
		Severity:      rating.severity,
		Published:     rating.publishedAt(),
		Comprehensive: i.flags&comprehensive != 0,
	}}
}

func compareFindings(a, b evidence.Finding) int {
	return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.Package, b.Package), cmp.Compare(a.Version, b.Version),
		cmp.Compare(a.Path, b.Path), cmp.Compare(a.ID, b.ID))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// compareInstances is the order of findings as far as it is one of packages.
func (c *catalog) compareInstances(first, second uint32) int {
	a, b := c.instances.rows[first], c.instances.rows[second]
	p, q := c.packages.rows[a.record], c.packages.rows[b.record]
	return cmp.Or(c.compareTexts(a.target, b.target), c.compareTexts(p.name, q.name), c.compareTexts(p.version, q.version),
		c.compareTexts(a.path, b.path), cmp.Compare(first, second))
}

func (c *catalog) compareTexts(a, b uint32) int {
	if a == b {
		return 0
	}
	return cmp.Compare(c.texts.rows[a], c.texts.rows[b])
}

// Packages implements [vulnerability.Matcher].
func (f *Fleet) Packages(_ context.Context, manifest image.Digest) ([]evidence.Package, error) {
	f.mutex.RLock()
	defer f.mutex.RUnlock()
	e, known := f.catalog.images[manifest]
	switch {
	case !known:
		return nil, notAdded(manifest)
	case e.failure != nil:
		return nil, e.failure
	}
	packages := make([]evidence.Package, 0, len(e.instances))
	for _, number := range e.instances {
		packages = append(packages, f.catalog.packageOf(f.catalog.instances.rows[number]))
	}
	slices.SortFunc(packages, comparePackages)
	return slices.CompactFunc(packages, func(a, b evidence.Package) bool { return comparePackages(a, b) == 0 }), nil
}

func (c *catalog) packageOf(i instance) evidence.Package {
	p := c.packages.rows[i.record]
	path := c.texts.rows[i.path]
	if i.flags&namedByTarget != 0 && path == "" {
		path = c.texts.rows[i.target]
	}
	return evidence.Package{
		PURL: c.texts.rows[p.purl], Name: c.texts.rows[p.name], Version: c.texts.rows[p.version],
		Path: path, Licenses: split(c.texts.rows[p.licenses]),
	}
}

func comparePackages(a, b evidence.Package) int {
	return cmp.Or(cmp.Compare(a.PURL, b.PURL), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version),
		cmp.Compare(a.Path, b.Path), slices.Compare(a.Licenses, b.Licenses))
}
