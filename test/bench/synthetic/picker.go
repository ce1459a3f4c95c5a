// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package synthetic

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"sort"
)

// picker draws numbers by Zipf's law.
type picker struct{ sums []float64 }

// newPicker returns one of the numbers below n, of which the i-th has a weight of 1/(i+1)^skew.
func newPicker(n int, skew float64) picker {
	p := picker{make([]float64, n)}
	var sum float64
	for i := range n {
		sum += math.Pow(float64(i+1), -skew)
		p.sums[i] = sum
	}
	return p
}

func (p picker) pick(random *rand.Rand) int {
	at := random.Float64() * p.sums[len(p.sums)-1]
	return min(sort.SearchFloat64s(p.sums, at), len(p.sums)-1)
}

func hash(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // It never fails.
	return h.Sum64()
}
