// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/google/cel-go/cel"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/predicate"
)

// Bounds of expressions: what one may cost over one predicate, and those of one policy together over all that is stated of an image, in
// CEL's units, of which a simple comparison takes one; and how many are kept compiled.
const (
	maxCost       = 100_000
	maxPolicyCost = 3 * maxCost
	maxPrograms   = 1024
)

// expressions keeps expressions compiled: they are functions of their text, so that it changes no judgement who else asked before.
var expressions = &compiler{programs: map[string]compiled{}}

type compiler struct {
	mu       sync.Mutex
	programs map[string]compiled
}

type compiled struct {
	program cel.Program
	err     error
}

// environment of the expressions: the predicate, and CEL's own functions.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(cel.Variable("predicate", cel.MapType(cel.StringType, cel.DynType)))
})

func (c *compiler) compile(expression string) (cel.Program, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, there := c.programs[expression]; there {
		return known.program, known.err
	}
	if len(c.programs) >= maxPrograms {
		clear(c.programs)
	}
	program, err := compile(expression)
	c.programs[expression] = compiled{program, err}
	return program, err
}

func compile(expression string) (cel.Program, error) {
	env, err := environment()
	if err != nil {
		return nil, err
	}
	parsed, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	if parsed.OutputType() != cel.BoolType && parsed.OutputType() != cel.DynType {
		return nil, fmt.Errorf("the expression gives %s, want true or false", parsed.OutputType())
	}
	return env.Program(parsed, cel.CostLimit(maxCost), cel.CostTracking(toll{}), cel.EvalOptions(cel.OptOptimize))
}

// checkExpression says why an expression cannot be evaluated.
func checkExpression(expression string) error {
	_, err := expressions.compile(expression)
	return err
}

// evaluate says whether an expression is true of a predicate. One that asks for what the predicate does not have is not. What it costs is
// added to spent.
func evaluate(expression string, content json.RawMessage, spent *uint64) judgement {
	program, err := expressions.compile(expression)
	if err != nil {
		return fail(v1alpha1.ReasonPolicyInvalid, "its rule cannot be compiled: "+evidence.Printable(err.Error(), maxFound))
	}
	if *spent > maxPolicyCost {
		return refused("its rule cannot be evaluated: the rules of the policy take too long together; make them simpler, or the statements fewer")
	}
	document, err := predicate.Decode(content)
	if err != nil {
		return refused(err.Error())
	}
	result, details, err := program.Eval(map[string]any{"predicate": document})
	*spent += costOf(details)
	if err != nil {
		return refused("its rule cannot be evaluated: " + evidence.Printable(err.Error(), maxFound))
	}
	if holds, isBool := result.Value().(bool); !isBool || !holds {
		return refused("its rule is not true: " + evidence.Printable(expression, maxFound))
	}
	return pass()
}
