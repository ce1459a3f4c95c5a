// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"slices"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/vulnerability"
)

// Update matches the fleet against the database in use now, as far as it changed, and returns the images whose findings or
// distribution are others than after the last Update, sorted; of those that Add brought only what changed since. The error is
// vulnerability.ErrNoDatabase, the context's, or vulnerability.ErrMatchingFailed; what was found before then stays in use.
func (f *Fleet) Update(ctx context.Context) ([]image.Digest, error) {
	f.updating.Lock()
	defer f.updating.Unlock()
	err := f.detector.View(ctx, func(view vulnerability.View) error {
		if base := f.results; base == nil || base.feed.Version != view.Feed().Version {
			return f.rematch(ctx, view, base)
		}
		return f.extend(ctx, view, true)
	})
	if err != nil {
		return nil, err
	}
	changed := make([]image.Digest, 0, len(f.changed))
	for manifest := range f.changed {
		changed = append(changed, manifest)
	}
	clear(f.changed)
	slices.SortFunc(changed, compareDigests)
	return changed, nil
}

// catchUp matches what was added since, and everything when the database changed meanwhile.
func (f *Fleet) catchUp(ctx context.Context) error {
	f.updating.Lock()
	defer f.updating.Unlock()
	return f.detector.View(ctx, func(view vulnerability.View) error {
		if base := f.results; base == nil || base.feed.Version != view.Feed().Version {
			return f.rematch(ctx, view, base)
		}
		return f.extend(ctx, view, false)
	})
}

// work is the catalog as it stands when an update begins.
type work struct {
	texts, subjects, surroundings []string
	tuples                        []tuple
}

func (f *Fleet) work() work {
	f.mutex.RLock()
	defer f.mutex.RUnlock()
	c := f.catalog
	return work{c.texts.rows, c.subjects.rows, c.surroundings.rows, c.tuples.rows}
}

func (w work) tuple(number uint32) vulnerability.Tuple {
	t := w.tuples[number]
	return vulnerability.Tuple{Subject: w.subjects[t.subject], Version: w.texts[t.version]}
}

// extend adds results for what has none yet. With again it also asks the clock again about what has.
func (f *Fleet) extend(ctx context.Context, view vulnerability.View, again bool) error {
	w, r := f.work(), f.results
	surroundings := judge(view, w.surroundings[len(r.surroundings):])
	hashes, err := hashAll(view.Hashes, w.subjects[len(r.subjects):])
	if err != nil {
		return err
	}
	numbers := count(len(r.matches), len(w.tuples))
	outcomes, err := detectAll(ctx, view, w, numbers)
	if err != nil {
		return err
	}
	learned, err := r.learn(view, outcomes)
	if err != nil {
		return err
	}
	f.mutex.Lock()
	r.surroundings = append(r.surroundings, surroundings...)
	r.subjects = append(r.subjects, hashes...)
	r.matches = append(r.matches, make([][]match, len(numbers))...)
	r.take(numbers, outcomes, learned)
	f.mutex.Unlock()
	if !again {
		return nil
	}
	next := *r
	next.surroundings = judge(view, w.surroundings)
	f.replace(&next)
	return nil
}

// rematch makes results for another edition of the database. Of those of before, which may be nil, it keeps what rests on
// advisories and details that are still the same.
func (f *Fleet) rematch(ctx context.Context, view vulnerability.View, base *results) error {
	w, next := f.work(), newResults()
	if base != nil {
		next = base.clone()
	}
	next.feed = view.Feed()
	next.surroundings = judge(view, w.surroundings)
	hashes, err := hashAll(view.Hashes, w.subjects)
	if err != nil {
		return err
	}
	stale := next.stale(w, hashes)
	next.subjects = hashes
	next.matches = append(next.matches, make([][]match, len(w.tuples)-len(next.matches))...)
	if err := next.rateAgain(view); err != nil {
		return err
	}
	for numbers := range slices.Chunk(stale, detectBatch) {
		outcomes, err := detectAll(ctx, view, w, numbers)
		if err != nil {
			return err
		}
		learned, err := next.learn(view, outcomes)
		if err != nil {
			return err
		}
		next.take(numbers, outcomes, learned)
	}
	f.replace(next)
	return nil
}

// stale returns the tuples that have no result, or one that rests on something else than what now hashes to the given.
func (r *results) stale(w work, hashes []uint64) []uint32 {
	var stale []uint32
	for i, t := range w.tuples {
		number := uint32(i)
		if i < len(r.matches) && r.subjects[t.subject] == hashes[t.subject] && r.failures[number] == nil {
			continue
		}
		stale = append(stale, number)
	}
	return stale
}

// rateAgain rates vulnerabilities whose details changed.
func (r *results) rateAgain(view vulnerability.View) error {
	hashes, err := hashAll(view.HashDetails, r.vulnerabilities.rows)
	if err != nil {
		return err
	}
	var numbers []int
	var bases []vulnerability.Basis
	for number, b := range r.bases.rows {
		if hashes[b.vulnerability] != r.details[b.vulnerability] {
			numbers, bases = append(numbers, number), append(bases, r.given(uint32(number)))
		}
	}
	ratings, err := rateAll(view, bases)
	if err != nil {
		return err
	}
	for i, number := range numbers {
		r.ratings[number] = newRating(ratings[i])
	}
	r.details = hashes
	return nil
}

// replace makes the results those that are in use, and remembers which images they change something for.
func (f *Fleet) replace(next *results) {
	f.mutex.RLock()
	for manifest := range f.catalog.changes(f.results, next) {
		f.changed[manifest] = struct{}{}
	}
	f.mutex.RUnlock()
	if next.wasteful() {
		next = next.compact()
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.results = next
}

func judge(view vulnerability.View, keys []string) []judged {
	var all []judged
	for _, key := range keys {
		distribution, err := view.Surroundings(key)
		all = append(all, judged{distribution, err})
	}
	return all
}

// count returns the numbers from one to before the other.
func count(from, to int) []uint32 {
	var numbers []uint32
	for number := from; number < to; number++ {
		numbers = append(numbers, uint32(number))
	}
	return numbers
}

func compareDigests(a, b image.Digest) int {
	sumA, sumB := a.Sum(), b.Sum()
	return slices.Compare(sumA[:], sumB[:])
}
