// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"iter"
	"slices"

	"github.com/assay-dev/assay/internal/image"
)

// changes are the images about which the results say something else than those of before. An image that had no results is
// not one of them, unless there were none at all.
func (c *catalog) changes(before, after *results) iter.Seq[image.Digest] {
	return func(yield func(image.Digest) bool) {
		var differing []bool
		if before != nil {
			differing = c.differing(before, after)
		}
		for manifest, e := range c.images {
			if after.cover(e) && (before == nil || before.cover(e)) && c.differs(e, before, after, differing) && !yield(manifest) {
				return
			}
		}
	}
}

func (c *catalog) differs(e entry, before, after *results, differing []bool) bool {
	if e.failure != nil {
		return false
	}
	if before == nil {
		return true
	}
	was, is := before.failure(c, e), after.failure(c, e)
	switch {
	case was != nil && is != nil:
		return was.Error() != is.Error()
	case was != nil || is != nil, before.surroundings[e.surroundings] != after.surroundings[e.surroundings]:
		return true
	}
	return slices.ContainsFunc(e.instances, func(number uint32) bool { return differing[number] })
}

// differing tells of each instance whether the findings in it differ.
func (c *catalog) differing(before, after *results) []bool {
	rated := make([]bool, len(before.ratings))
	for number := range rated {
		rated[number] = before.ratings[number] != after.ratings[number]
	}
	tuples := make([]bool, len(before.matches))
	for number := range tuples {
		matches := after.matches[number]
		tuples[number] = !slices.Equal(before.matches[number], matches) ||
			slices.ContainsFunc(matches, func(m match) bool { return rated[m.basis] })
	}
	instances := make([]bool, len(c.instances.rows))
	for number, i := range c.instances.rows {
		instances[number] = int(i.tuple) < len(tuples) && tuples[i.tuple]
	}
	return instances
}
