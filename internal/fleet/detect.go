// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/assay-dev/assay/internal/vulnerability"
)

// How much is asked of the database at a time. Between two batches what was detected becomes numbers, which take less memory.
const (
	detectBatch = 4096
	detectPiece = 64
	hashPiece   = 2048
	ratePiece   = 512
)

// outcome is what the detector says of a tuple.
type outcome struct {
	detections []vulnerability.Detection
	err        error
}

// parallel calls do for pieces of n things, on as many processors as there are.
func parallel(n, piece int, do func(from, to int) error) error {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for from := 0; from < n; from += piece {
		group.Go(func() error { return do(from, min(from+piece, n)) })
	}
	return group.Wait()
}

// detectAll asks the detector about tuples of subjects that have marks; in others there is nothing. An error about one tuple is
// its outcome; the error returned is the context's.
func detectAll(ctx context.Context, detect detect, w work, marks [][]vulnerability.Mark, numbers []uint32) ([]outcome, error) {
	outcomes := make([]outcome, len(numbers))
	err := parallel(len(numbers), detectPiece, func(from, to int) error {
		for i := from; i < to; i++ {
			if len(marks[w.tuples[numbers[i]].subject]) > 0 {
				outcomes[i].detections, outcomes[i].err = detect(w.tuple(numbers[i]))
			}
		}
		return ctx.Err()
	})
	return outcomes, err
}

// detect is vulnerability.View's Detect, or that of an excerpt.
type detect func(vulnerability.Tuple) ([]vulnerability.Detection, error)

// askAll asks one thing of many keys.
func askAll[A any](ask func([]string) ([]A, error), keys []string) ([]A, error) {
	answers := make([]A, len(keys))
	return answers, parallel(len(keys), hashPiece, func(from, to int) error {
		some, err := ask(keys[from:to])
		copy(answers[from:to], some)
		return err
	})
}

// rateAll asks for many ratings.
func rateAll(view vulnerability.View, bases []vulnerability.Basis) ([]vulnerability.Rating, error) {
	ratings := make([]vulnerability.Rating, len(bases))
	return ratings, parallel(len(bases), ratePiece, func(from, to int) error {
		some, err := view.Rate(bases[from:to])
		copy(ratings[from:to], some)
		return err
	})
}

// learned is what outcomes need besides and results do not have.
type learned struct {
	ratings map[vulnerability.Basis]vulnerability.Rating
	details map[string]uint64
}

// learn asks for it. It changes nothing.
func (r *results) learn(view vulnerability.View, outcomes []outcome) (learned, error) {
	l := learned{map[vulnerability.Basis]vulnerability.Rating{}, map[string]uint64{}}
	var bases []vulnerability.Basis
	var ids []string
	for _, o := range outcomes {
		for _, d := range o.detections {
			if _, seen := l.ratings[d.Basis]; seen || r.knows(d.Basis) {
				continue
			}
			l.ratings[d.Basis] = vulnerability.Rating{}
			bases, ids = append(bases, d.Basis), append(ids, d.Basis.ID)
		}
	}
	ratings, err := rateAll(view, bases)
	if err != nil {
		return learned{}, err
	}
	hashes, err := askAll(view.HashDetails, ids)
	if err != nil {
		return learned{}, err
	}
	for i, b := range bases {
		l.ratings[b], l.details[ids[i]] = ratings[i], hashes[i]
	}
	return l, nil
}

// knows says that a basis has a rating.
func (r *results) knows(b vulnerability.Basis) bool {
	id, known := r.vulnerabilities.find(b.ID)
	source, known2 := r.texts.find(b.Source)
	severity, known3 := r.texts.find(b.Severity)
	severitySource, known4 := r.texts.find(b.SeveritySource)
	if !known || !known2 || !known3 || !known4 {
		return false
	}
	_, rated := r.bases.find(basis{id, source, severity, severitySource})
	return rated
}

// take takes up outcomes for tuples, with what was learned about them.
func (r *results) take(numbers []uint32, outcomes []outcome, l learned) {
	for i, o := range outcomes {
		r.set(numbers[i], o)
	}
	for number := len(r.ratings); number < len(r.bases.rows); number++ {
		r.ratings = append(r.ratings, newRating(l.ratings[r.given(uint32(number))]))
	}
	for number := len(r.details); number < len(r.vulnerabilities.rows); number++ {
		r.details = append(r.details, l.details[r.vulnerabilities.rows[number]])
	}
}
