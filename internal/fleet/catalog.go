// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"math"
	"slices"
	"strings"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/vulnerability"
)

// catalog is what is in the images of the fleet. Whatever several images have in common is in it once and goes by a number.
type catalog struct {
	texts table[string]
	// subjects and surroundings are the detector's keys.
	subjects     table[string]
	surroundings table[string]
	tuples       table[tuple]
	packages     table[record]
	instances    table[instance]
	images       map[image.Digest]entry
}

// tuple is a vulnerability.Tuple.
type tuple struct{ subject, version uint32 }

// record is what a package is, wherever it is. Its fields are texts; licenses are joined.
type record struct{ name, version, id, purl, licenses uint32 }

// instance is a package in one place, which is the same in all images that are built on the same base.
type instance struct {
	tuple, record, target, path uint32
	flags                       uint8
}

// Flags of an instance.
const (
	namedByTarget = 1 << iota
	comprehensive
)

// noTuple is the tuple of what is never looked up.
const noTuple = math.MaxUint32

// separator of texts that are joined.
const separator = "\x00"

// entry is one image.
type entry struct {
	surroundings uint32
	instances    []uint32 // sorted
	// tuples is one more than the greatest tuple.
	tuples uint32
	// failure says why it is not known what is in the image; the rest is empty then.
	failure error
}

func newCatalog() *catalog {
	return &catalog{
		texts: newTable[string](), subjects: newTable[string](), surroundings: newTable[string](),
		tuples: newTable[tuple](), packages: newTable[record](), instances: newTable[instance](),
		images: map[image.Digest]entry{},
	}
}

// add puts an image into the catalog, in place of what was known of it.
func (c *catalog) add(manifest image.Digest, composition vulnerability.Composition) {
	added := entry{surroundings: own(&c.surroundings, composition.Surroundings)}
	for _, p := range composition.Packages {
		made := instance{tuple: noTuple, record: c.record(p), target: own(&c.texts, p.Target), path: own(&c.texts, p.Path), flags: flagsOf(p)}
		if p.Tuple != (vulnerability.Tuple{}) {
			made.tuple = c.tuples.add(tuple{own(&c.subjects, p.Tuple.Subject), own(&c.texts, p.Tuple.Version)})
			added.tuples = max(added.tuples, made.tuple+1)
		}
		added.instances = append(added.instances, c.instances.add(made))
	}
	slices.Sort(added.instances)
	added.instances = slices.Clip(slices.Compact(added.instances))
	c.images[manifest] = added
}

func flagsOf(p vulnerability.Instance) (flags uint8) {
	if p.NamedByTarget {
		flags |= namedByTarget
	}
	if p.Comprehensive {
		flags |= comprehensive
	}
	return flags
}

func (c *catalog) record(p vulnerability.Instance) uint32 {
	return c.packages.add(record{
		name: own(&c.texts, p.Name), version: own(&c.texts, p.Version), id: own(&c.texts, p.ID),
		purl: own(&c.texts, p.PURL), licenses: own(&c.texts, strings.Join(p.Licenses, separator)),
	})
}

// own adds a text that holds on to no memory but its own.
func own(texts *table[string], text string) uint32 {
	if number, found := texts.find(text); found {
		return number
	}
	return texts.add(strings.Clone(text))
}

// split takes joined texts apart.
func split(joined string) []string {
	if joined == "" {
		return nil
	}
	return strings.Split(joined, separator)
}

// compact returns a catalog of the same images without what no image has any longer, and where the tuples, the subjects and
// the surroundings of the new one stand in the old.
func (c *catalog) compact() (compacted *catalog, from origins) {
	compacted = newCatalog()
	text := func(number uint32) uint32 { return compacted.texts.add(c.texts.rows[number]) }
	renumbered := make([]uint32, len(c.instances.rows)) // and one, so that 0 is none
	for manifest, e := range c.images {
		if e.failure != nil {
			compacted.images[manifest] = e
			continue
		}
		e.tuples, e.instances = 0, slices.Clone(e.instances)
		for i, old := range e.instances {
			if renumbered[old] == 0 {
				made := c.instances.rows[old]
				p := c.packages.rows[made.record]
				made.record = compacted.packages.add(record{text(p.name), text(p.version), text(p.id), text(p.purl), text(p.licenses)})
				made.target, made.path = text(made.target), text(made.path)
				if made.tuple != noTuple {
					made.tuple = compacted.moveTuple(c, made.tuple, &from)
				}
				renumbered[old] = compacted.instances.add(made) + 1
			}
			e.instances[i] = renumbered[old] - 1
			if t := compacted.instances.rows[e.instances[i]].tuple; t != noTuple {
				e.tuples = max(e.tuples, t+1)
			}
		}
		slices.Sort(e.instances)
		old := e.surroundings
		e.surroundings = compacted.surroundings.add(c.surroundings.rows[old])
		from.surroundings = place(from.surroundings, e.surroundings, old)
		compacted.images[manifest] = e
	}
	return compacted, from
}

// wasteful says that more instances are in no image any longer than are in some.
func (c *catalog) wasteful() bool {
	used, count := make([]bool, len(c.instances.rows)), 0
	for _, e := range c.images {
		for _, number := range e.instances {
			if !used[number] {
				used[number] = true
				count++
			}
		}
	}
	return 2*count < len(used)
}

// origins are the numbers that rows had before they were moved.
type origins struct{ tuples, subjects, surroundings []uint32 }

func (c *catalog) moveTuple(from *catalog, number uint32, old *origins) uint32 {
	t := from.tuples.rows[number]
	moved := tuple{c.subjects.add(from.subjects.rows[t.subject]), c.texts.add(from.texts.rows[t.version])}
	old.subjects = place(old.subjects, moved.subject, t.subject)
	now := c.tuples.add(moved)
	old.tuples = place(old.tuples, now, number)
	return now
}

// place notes where a row was that now is the last or one before it.
func place(old []uint32, now, before uint32) []uint32 {
	if int(now) == len(old) {
		return append(old, before)
	}
	return old
}
