// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/go-logr/logr"

	"github.com/assay-dev/assay/internal/vulnerability"
)

// A subject is amended when it has at least so many advisories, of which at most one in so many changed. Otherwise its tuples
// are matched anew, which takes no excerpt.
const (
	amendFrom  = 8
	amendShare = 4
)

// stale tells what results no longer hold for.
type stale struct {
	// wholly stale are tuples to be matched anew; partly, those of subjects of which only some advisories changed.
	wholly, partly []uint32
	// changed are the vulnerabilities that changed, by subject.
	changed map[uint32][]uint64
}

// stale compares the marks of before with those of now.
func (r *results) stale(w work, marks [][]vulnerability.Mark) stale {
	s := stale{changed: map[uint32][]uint64{}}
	const same, changed, another = 0, 1, 2
	states := make([]uint8, len(marks))
	for subject, now := range marks {
		if subject >= len(r.subjects) {
			states[subject] = another
			continue
		}
		before := r.subjects[subject]
		if slices.Equal(before, now) {
			continue
		}
		states[subject] = another
		if vulnerabilities, few := difference(before, now); few {
			states[subject], s.changed[uint32(subject)] = changed, vulnerabilities
		}
	}
	for i, t := range w.tuples {
		number := uint32(i)
		switch {
		case i >= len(r.matches), states[t.subject] == another, r.failures[number] != nil:
			s.wholly = append(s.wholly, number)
		case states[t.subject] == changed:
			s.partly = append(s.partly, number)
		}
	}
	return s
}

// difference returns the vulnerabilities of which marks are not the same, if they are few and no mark concerns all.
func difference(before, now []vulnerability.Mark) (vulnerabilities []uint64, few bool) {
	if len(now) < amendFrom {
		return nil, false
	}
	balance := make(map[vulnerability.Mark]int, len(before))
	for _, m := range before {
		balance[m]++
	}
	for _, m := range now {
		balance[m]--
	}
	for m, count := range balance {
		if count == 0 {
			continue
		}
		if vulnerabilities = append(vulnerabilities, m.Vulnerability); m.Vulnerability == 0 || amendShare*len(vulnerabilities) > len(now) {
			return nil, false
		}
	}
	slices.Sort(vulnerabilities)
	return slices.Compact(vulnerabilities), len(vulnerabilities) > 0
}

// amend detects what changed in tuples that are partly stale, and returns those that must be matched anew after all.
func (r *results) amend(ctx context.Context, view vulnerability.View, w work, s stale) (left []uint32, err error) {
	if len(s.partly) == 0 {
		return nil, nil
	}
	keys := make(map[string][]uint64, len(s.changed))
	for subject, vulnerabilities := range s.changed {
		keys[w.subjects[subject]] = vulnerabilities
	}
	var outcomes []outcome
	err = view.Excerpt(keys, func(detect func(vulnerability.Tuple) ([]vulnerability.Detection, error)) (err error) {
		outcomes, err = detectAll(ctx, detect, w, r.subjects, s.partly)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, vulnerability.ErrNoDatabase):
		return nil, err
	case err != nil:
		logr.FromContextOrDiscard(ctx).Error(err, "Could not look at changed advisories alone; all on the same packages are looked at")
		return s.partly, nil
	}
	var numbers []uint32
	var amended []outcome
	for i, number := range s.partly {
		if outcomes[i].err != nil { // which all advisories are asked about
			left = append(left, number)
			continue
		}
		changed := s.changed[w.tuples[number].subject]
		numbers = append(numbers, number)
		amended = append(amended, outcome{detections: r.merge(view, number, changed, outcomes[i].detections)})
	}
	learned, err := r.learn(view, amended)
	if err != nil {
		return nil, err
	}
	r.take(numbers, amended, learned)
	return left, nil
}

// merge puts what was detected of some vulnerabilities in place of what was known of them.
func (r *results) merge(view vulnerability.View, tuple uint32, changed []uint64, detected []vulnerability.Detection) []vulnerability.Detection {
	merged := slices.Clone(detected)
	for _, m := range r.matches[tuple] {
		if _, again := slices.BinarySearch(changed, view.MarkOf(r.id(m))); !again {
			merged = append(merged, vulnerability.Detection{
				Basis: r.given(m.basis), FixedVersion: r.texts.rows[m.fixed], Aliases: split(r.texts.rows[m.aliases]),
			})
		}
	}
	slices.SortStableFunc(merged, func(a, b vulnerability.Detection) int { return cmp.Compare(a.Basis.ID, b.Basis.ID) })
	return merged
}
