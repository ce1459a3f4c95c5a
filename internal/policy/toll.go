// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// toll charges calls in expressions by the length of what they read and make. CEL does so by overload, and knows none where types are found
// out only when values are there, as with all that a predicate holds: to it a text that doubles would cost what a comparison costs.
type toll struct{}

// CallCost implements interpreter.ActualCostEstimator.
func (toll) CallCost(function, _ string, args []ref.Val, result ref.Val) *uint64 {
	cost := 1 + length(result)/100
	for _, arg := range args {
		cost += length(arg) / 100
	}
	switch function {
	case overloads.Matches:
		if len(args) == 2 {
			cost += (1 + length(args[0])/10) * (1 + length(args[1])/4)
		}
	case operators.Equals, operators.NotEquals, operators.In, operators.OldIn:
		left := maxCost
		for _, arg := range args {
			left -= min(left, values(arg, left))
		}
		cost += uint64(maxCost - left)
	}
	return &cost
}

// length of a text, 0 of anything else.
func length(value ref.Val) uint64 {
	switch v := value.(type) {
	case types.String:
		return uint64(len(v))
	case types.Bytes:
		return uint64(len(v))
	default:
		return 0
	}
}

// values counts those in a value, however deep, until there are too many.
func values(value ref.Val, limit int) int {
	count := 1
	container, is := value.(traits.Iterable)
	if !is {
		return count
	}
	mapper, isMap := value.(traits.Mapper)
	for at := container.Iterator(); count < limit && at.HasNext() == types.True; {
		next := at.Next()
		if isMap {
			next = mapper.Get(next)
		}
		count += values(next, limit-count)
	}
	return count
}

// costOf is what an evaluation cost, at most what one may.
func costOf(details *cel.EvalDetails) uint64 {
	if details == nil || details.ActualCost() == nil {
		return maxCost
	}
	return min(*details.ActualCost(), maxCost)
}
