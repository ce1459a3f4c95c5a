// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/vulnerability"
)

// results are what one edition of the database says of a catalog. Rows of the catalog that have no result yet come after all
// that have one.
type results struct {
	feed evidence.Feed
	// surroundings by the catalog's number.
	surroundings []judged
	// subjects have marks of what the detector reads, by the catalog's number.
	subjects [][]vulnerability.Mark
	// matches by the number of the tuple, in the detector's order.
	matches [][]match
	// failures by the number of the tuple.
	failures map[uint32]error

	texts table[string]
	// vulnerabilities have the hashes of their details.
	vulnerabilities table[string]
	details         []uint64
	// bases have their ratings.
	bases   table[basis]
	ratings []rating
}

// judged is what the database says of surroundings.
type judged struct {
	distribution evidence.Distribution
	err          error
}

// match is a vulnerability in a tuple. Aliases are joined.
type match struct{ basis, fixed, aliases uint32 }

// basis is a vulnerability.Basis.
type basis struct{ vulnerability, source, severity, severitySource uint32 }

// rating is a vulnerability.Rating.
type rating struct {
	// published in milliseconds since 1970; 0 when it is not known.
	published int64
	severity  evidence.Severity
}

func newResults() *results {
	return &results{
		failures: map[uint32]error{},
		texts:    newTable[string](), vulnerabilities: newTable[string](), bases: newTable[basis](),
	}
}

// clone returns results that can be changed while others read these.
func (r *results) clone() *results {
	return &results{
		feed:         r.feed,
		surroundings: slices.Clone(r.surroundings),
		subjects:     slices.Clone(r.subjects),
		matches:      slices.Clone(r.matches),
		failures:     maps.Clone(r.failures),
		texts:        r.texts.clone(), vulnerabilities: r.vulnerabilities.clone(), bases: r.bases.clone(),
		details: slices.Clone(r.details), ratings: slices.Clone(r.ratings),
	}
}

// set takes up what the detector says of a tuple.
func (r *results) set(tuple uint32, o outcome) {
	delete(r.failures, tuple)
	r.matches[tuple] = nil
	if o.err != nil {
		r.failures[tuple] = o.err
		return
	}
	if len(o.detections) == 0 {
		return
	}
	matches := make([]match, len(o.detections))
	for i, d := range o.detections {
		matches[i] = match{
			basis:   r.bases.add(r.basis(d.Basis)),
			fixed:   own(&r.texts, d.FixedVersion),
			aliases: own(&r.texts, strings.Join(d.Aliases, separator)),
		}
	}
	r.matches[tuple] = matches
}

func (r *results) basis(b vulnerability.Basis) basis {
	return basis{
		vulnerability: own(&r.vulnerabilities, b.ID), source: own(&r.texts, b.Source),
		severity: own(&r.texts, b.Severity), severitySource: own(&r.texts, b.SeveritySource),
	}
}

// given returns a basis as the detector gave it.
func (r *results) given(number uint32) vulnerability.Basis {
	b := r.bases.rows[number]
	return vulnerability.Basis{
		ID: r.vulnerabilities.rows[b.vulnerability], Source: r.texts.rows[b.source],
		Severity: r.texts.rows[b.severity], SeveritySource: r.texts.rows[b.severitySource],
	}
}

// id of the vulnerability of a match.
func (r *results) id(m match) string {
	return r.vulnerabilities.rows[r.bases.rows[m.basis].vulnerability]
}

func newRating(r vulnerability.Rating) rating {
	made := rating{severity: r.Severity}
	if !r.Published.IsZero() {
		made.published = r.Published.UnixMilli()
	}
	return made
}

// publishedAt is zero when it is not known.
func (r rating) publishedAt() time.Time {
	if r.published == 0 {
		return time.Time{}
	}
	return time.UnixMilli(r.published).UTC()
}

// cover says whether there are results for all that is in an image.
func (r *results) cover(e entry) bool {
	return e.failure != nil || int(e.tuples) <= len(r.matches) && int(e.surroundings) < len(r.surroundings)
}

// complete says that there are results for the whole catalog.
func (r *results) complete(c *catalog) bool {
	return len(r.matches) == len(c.tuples.rows) && len(r.subjects) == len(c.subjects.rows) && len(r.surroundings) == len(c.surroundings.rows)
}

// failure says why the findings in an image are not known. Of several reasons it is the same one each time.
func (r *results) failure(c *catalog, e entry) error {
	if err := r.surroundings[e.surroundings].err; err != nil || len(r.failures) == 0 {
		return err
	}
	var first error
	for _, number := range e.instances {
		err := r.failures[c.instances.rows[number].tuple]
		if err != nil && (first == nil || err.Error() < first.Error()) {
			first = err
		}
	}
	return first
}

// compact returns the same results without what no match has any longer. Numbers of tuples, subjects and surroundings stay.
func (r *results) compact() *results {
	compacted := newResults()
	compacted.feed, compacted.surroundings, compacted.subjects, compacted.failures = r.feed, r.surroundings, r.subjects, r.failures
	compacted.matches = make([][]match, len(r.matches))
	for tuple, matches := range r.matches {
		moved := slices.Clone(matches)
		for i, m := range moved {
			moved[i] = match{
				basis:   compacted.bases.add(compacted.basis(r.given(m.basis))),
				fixed:   compacted.texts.add(r.texts.rows[m.fixed]),
				aliases: compacted.texts.add(r.texts.rows[m.aliases]),
			}
			if int(moved[i].basis) == len(compacted.ratings) {
				compacted.ratings = append(compacted.ratings, r.ratings[m.basis])
			}
			if id := compacted.bases.rows[moved[i].basis].vulnerability; int(id) == len(compacted.details) {
				compacted.details = append(compacted.details, r.details[r.bases.rows[m.basis].vulnerability])
			}
		}
		compacted.matches[tuple] = moved
	}
	return compacted
}

// wasteful says that more bases are no match's any longer than are some match's.
func (r *results) wasteful() bool {
	used, count := make([]bool, len(r.bases.rows)), 0
	for _, matches := range r.matches {
		for _, m := range matches {
			if !used[m.basis] {
				used[m.basis] = true
				count++
			}
		}
	}
	return 2*count < len(used)
}

// renumber returns the results for a catalog whose rows stood elsewhere in the one of before.
func (r *results) renumber(from origins) *results {
	renumbered := *r
	renumbered.surroundings, renumbered.subjects, renumbered.matches = nil, nil, nil
	renumbered.failures = map[uint32]error{}
	for _, old := range from.surroundings {
		renumbered.surroundings = append(renumbered.surroundings, r.surroundings[old])
	}
	for _, old := range from.subjects {
		renumbered.subjects = append(renumbered.subjects, r.subjects[old])
	}
	for now, old := range from.tuples {
		renumbered.matches = append(renumbered.matches, r.matches[old])
		if err := r.failures[old]; err != nil {
			renumbered.failures[uint32(now)] = err
		}
	}
	return &renumbered
}
