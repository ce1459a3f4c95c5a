// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"cmp"
	"slices"
	"strings"

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
func (f *Fleet) Carrying(ids map[string]struct{}) []image.Digest {
	f.mutex.RLock()
	defer f.mutex.RUnlock()
	if f.results == nil || len(ids) == 0 {
		return nil
	}
	meant := f.results.meaning(func(id string) bool { _, listed := ids[id]; return listed })
	wanted := f.catalog.instancesWith(f.results, meant)
	var carrying []image.Digest
	for manifest, e := range f.catalog.images {
		if slices.ContainsFunc(e.instances, func(number uint32) bool { return wanted[number] }) {
			carrying = append(carrying, manifest)
		}
	}
	slices.SortFunc(carrying, compareDigests)
	return carrying
}

// Has says whether what is in the image is known, and matched where there is a database.
func (f *Fleet) Has(manifest image.Digest) bool {
	f.mutex.RLock()
	defer f.mutex.RUnlock()
	e, known := f.catalog.images[manifest]
	return known && e.failure == nil && (f.results == nil || f.results.cover(e))
}

// Affected returns the packages in the images that carry the vulnerability, which is named by its id or an alias in whatever case:
// in the order of the images, sorted within each, and no more images once there are as many as the limit.
func (f *Fleet) Affected(id string, in []image.Digest, limit int) []Carrier {
	f.mutex.RLock()
	defer f.mutex.RUnlock()
	if f.results == nil || id == "" {
		return nil
	}
	r := f.results
	meant := r.meaning(func(other string) bool { return len(other) == len(id) && strings.EqualFold(other, id) })
	return f.carriers(f.catalog.instancesWith(r, meant), in, limit, func(i instance, add func(Carrier)) {
		for _, m := range r.matches[i.tuple] {
			if meant(m) {
				add(Carrier{ID: r.id(m), FixedVersion: r.texts.rows[m.fixed], Severity: r.ratings[m.basis].severity})
			}
		}
	})
}

// Find returns the packages in the images that the pattern matches, ordered and bounded as those of Affected.
func (f *Fleet) Find(pattern Pattern, in []image.Digest, limit int) []Carrier {
	f.mutex.RLock()
	defer f.mutex.RUnlock()
	c := f.catalog
	// What a package is is asked once, however many images have it.
	matching := make([]bool, len(c.packages.rows))
	for number, p := range c.packages.rows {
		purl := c.texts.rows[p.purl]
		matching[number] = purl != "" && pattern.Matches(purl)
	}
	wanted := make([]bool, len(c.instances.rows))
	for number, i := range c.instances.rows {
		wanted[number] = matching[i.record]
	}
	return f.carriers(wanted, in, limit, func(_ instance, add func(Carrier)) { add(Carrier{}) })
}

// carriers lists the instances that are wanted, in each image that has them. what tells of one why it is.
func (f *Fleet) carriers(wanted []bool, in []image.Digest, limit int, what func(i instance, add func(Carrier))) []Carrier {
	var all []Carrier
	for _, manifest := range in {
		if len(all) >= limit {
			break
		}
		from := len(all)
		for _, number := range f.catalog.images[manifest].instances {
			if !wanted[number] {
				continue
			}
			i := f.catalog.instances.rows[number]
			what(i, func(c Carrier) {
				c.Manifest, c.Package = manifest, f.catalog.packageOf(i)
				all = append(all, c)
			})
		}
		found := all[from:]
		slices.SortFunc(found, compareCarriers)
		all = all[:from+len(slices.CompactFunc(found, func(a, b Carrier) bool { return compareCarriers(a, b) == 0 }))]
	}
	return all
}

func compareCarriers(a, b Carrier) int {
	return cmp.Or(compareDigests(a.Manifest, b.Manifest), comparePackages(a.Package, b.Package),
		cmp.Compare(a.ID, b.ID), cmp.Compare(a.FixedVersion, b.FixedVersion), cmp.Compare(b.Severity, a.Severity))
}

// meaning returns a test for matches with a vulnerability that is listed by its id or an alias. Each id is looked at once.
func (r *results) meaning(listed func(id string) bool) func(match) bool {
	vulnerabilities := make([]bool, len(r.vulnerabilities.rows))
	for number, id := range r.vulnerabilities.rows {
		vulnerabilities[number] = listed(id)
	}
	asked := map[uint32]bool{}
	return func(m match) bool {
		if vulnerabilities[r.bases.rows[m.basis].vulnerability] {
			return true
		}
		aliased, known := asked[m.aliases]
		if !known {
			aliased = slices.ContainsFunc(strings.Split(r.texts.rows[m.aliases], separator), listed)
			asked[m.aliases] = aliased
		}
		return aliased
	}
}

// instancesWith marks the instances that have a match that is meant.
func (c *catalog) instancesWith(r *results, meant func(match) bool) []bool {
	tuples := make([]bool, len(r.matches))
	for number, matches := range r.matches {
		tuples[number] = slices.ContainsFunc(matches, meant)
	}
	instances := make([]bool, len(c.instances.rows))
	for number, i := range c.instances.rows {
		instances[number] = int(i.tuple) < len(tuples) && tuples[i.tuple]
	}
	return instances
}
