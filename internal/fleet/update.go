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
	if err := f.bring(ctx, true); err != nil {
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

// catchUp matches what was added since, and everything when the database changed meanwhile. Who asks for it sees what is new
// about the image, and need not be told.
func (f *Fleet) catchUp(ctx context.Context, manifest image.Digest) error {
	f.updating.Lock()
	defer f.updating.Unlock()
	if err := f.bring(ctx, false); err != nil {
		return err
	}
	delete(f.changed, manifest)
	return nil
}

// bring brings the results to the database in use. With again it also asks the clock again.
func (f *Fleet) bring(ctx context.Context, again bool) error {
	return f.detector.View(ctx, func(view vulnerability.View) error {
		if f.results == nil || f.results.feed.Version != view.Feed().Version {
			return f.rematch(ctx, view, f.results)
		}
		return f.extend(ctx, view, again)
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
	marks, err := askAll(view.Marks, w.subjects[len(r.subjects):])
	if err != nil {
		return err
	}
	f.mutex.Lock()
	r.surroundings = append(r.surroundings, surroundings...)
	r.subjects = append(r.subjects, marks...)
	f.mutex.Unlock()
	numbers := count(len(r.matches), len(w.tuples))
	outcomes, err := detectAll(ctx, view.Detect, w, r.subjects, numbers)
	if err != nil {
		return err
	}
	learned, err := r.learn(view, outcomes)
	if err != nil {
		return err
	}
	f.mutex.Lock()
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
	marks, err := askAll(view.Marks, w.subjects)
	if err != nil {
		return err
	}
	stale := next.stale(w, marks)
	next.subjects = marks
	next.matches = append(next.matches, make([][]match, len(w.tuples)-len(next.matches))...)
	if err := next.rateAgain(view); err != nil {
		return err
	}
	left, err := next.amend(ctx, view, w, stale)
	if err != nil {
		return err
	}
	for numbers := range slices.Chunk(append(stale.wholly, left...), detectBatch) {
		outcomes, err := detectAll(ctx, view.Detect, w, marks, numbers)
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

// rateAgain rates vulnerabilities whose details changed.
func (r *results) rateAgain(view vulnerability.View) error {
	hashes, err := askAll(view.HashDetails, r.vulnerabilities.rows)
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
