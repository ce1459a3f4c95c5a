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

// differing tells of each instance whether the findings in it differ. After has all rows that before has, with the same numbers.
func (c *catalog) differing(before, after *results) []bool {
	same := func(was, is match) bool {
		return was.fixed == is.fixed && was.aliases == is.aliases && before.ratings[was.basis] == after.ratings[is.basis] &&
			before.bases.rows[was.basis].vulnerability == after.bases.rows[is.basis].vulnerability
	}
	tuples := make([]bool, len(before.matches))
	for number, matches := range before.matches {
		tuples[number] = !slices.EqualFunc(matches, after.matches[number], same)
	}
	instances := make([]bool, len(c.instances.rows))
	for number, i := range c.instances.rows {
		instances[number] = int(i.tuple) < len(tuples) && tuples[i.tuple]
	}
	return instances
}
