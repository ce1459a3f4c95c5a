// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// unbounded is the length of what may have any.
	unbounded = 1 << 20
	// maxSpaces is how many blanks in a row are reckoned with where a rule allows any number of them.
	maxSpaces = 64
	// maxVariants bounds the texts that one part of an expression can be.
	maxVariants = 64
	// telling is the length from which on a longer text is not rarer in practice.
	telling = 6
)

// factor is what every match of an expression contains, and how far the match can reach around it, in bytes.
type factor struct {
	// texts, in lower case, of which every match has one.
	texts []string
	// before and after bound the match on both sides of where the text begins.
	before, after int
}

// bounded says that a match lies within a short distance of its text.
func (f factor) bounded() bool { return f.before < unbounded && f.after < unbounded }

// better says that looking for f is cheaper than looking for other.
func (f factor) better(other factor) bool {
	mine, theirs := shortest(f.texts), shortest(other.texts)
	if f.bounded() || other.bounded() {
		mine, theirs = min(mine, telling), min(theirs, telling)
	}
	switch {
	case mine != theirs:
		return mine > theirs
	case f.bounded() != other.bounded():
		return f.bounded()
	case len(f.texts) != len(other.texts):
		return len(f.texts) < len(other.texts)
	default:
		return f.before+f.after < other.before+other.after
	}
}

func shortest(texts []string) int {
	if len(texts) == 0 {
		return 0
	}
	return len(slices.MinFunc(texts, func(a, b string) int { return len(a) - len(b) }))
}

// factorOf returns the best factor of an expression; it has no texts if there is none.
func factorOf(re *syntax.Regexp) factor {
	best := factor{texts: prefixes(re), after: maxLength(re)}
	switch re.Op {
	case syntax.OpCapture:
		best = factorOf(re.Sub[0])
	case syntax.OpPlus:
		best = within(factorOf(re.Sub[0]), re)
	case syntax.OpRepeat:
		if re.Min > 0 {
			best = within(factorOf(re.Sub[0]), re)
		}
	case syntax.OpAlternate:
		union := factor{}
		for _, sub := range re.Sub {
			f := factorOf(sub)
			if shortest(f.texts) == 0 {
				return factor{}
			}
			union.texts = append(union.texts, f.texts...)
			union.before, union.after = max(union.before, f.before), max(union.after, f.after)
		}
		if union.better(best) {
			best = union
		}
	case syntax.OpConcat:
		best = factorOfConcat(re)
	}
	if shortest(best.texts) == 0 {
		return factor{}
	}
	return best
}

// within is the factor of a repetition of what has the factor.
func within(f factor, repetition *syntax.Regexp) factor {
	f.before, f.after = maxLength(repetition), maxLength(repetition)
	return f
}

func factorOfConcat(re *syntax.Regexp) factor {
	var best factor
	for i, sub := range re.Sub {
		before, after := maxLengths(re.Sub[:i]), maxLengths(re.Sub[i+1:])
		inner := factorOf(sub)
		inner.before, inner.after = add(inner.before, before), add(inner.after, after)
		leading := factor{texts: prefixesOfConcat(re.Sub[i:]), before: before, after: maxLengths(re.Sub[i:])}
		for _, candidate := range []factor{inner, leading} {
			if shortest(candidate.texts) > 0 && candidate.better(best) {
				best = candidate
			}
		}
	}
	return best
}

// exact returns all texts that match, in lower case, if they are few.
func exact(re *syntax.Regexp) ([]string, bool) {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpEndText, syntax.OpBeginLine, syntax.OpEndLine:
		return []string{""}, true
	case syntax.OpLiteral:
		return []string{strings.ToLower(string(re.Rune))}, true
	case syntax.OpCapture:
		return exact(re.Sub[0])
	case syntax.OpQuest:
		texts, ok := exact(re.Sub[0])
		return append(texts, ""), ok
	case syntax.OpAlternate:
		var union []string
		for _, sub := range re.Sub {
			texts, ok := exact(sub)
			if !ok {
				return nil, false
			}
			union = append(union, texts...)
		}
		return union, len(union) <= maxVariants
	case syntax.OpConcat:
		product := []string{""}
		for _, sub := range re.Sub {
			texts, ok := exact(sub)
			if product = multiply(product, texts); !ok || len(product) > maxVariants {
				return nil, false
			}
		}
		return product, true
	}
	return nil, false
}

// prefixes returns texts, in lower case, of which every match begins with one. One of them may be empty.
func prefixes(re *syntax.Regexp) []string {
	if texts, ok := exact(re); ok {
		return texts
	}
	switch re.Op {
	case syntax.OpCapture:
		return prefixes(re.Sub[0])
	case syntax.OpConcat:
		return prefixesOfConcat(re.Sub)
	case syntax.OpAlternate:
		var union []string
		for _, sub := range re.Sub {
			union = append(union, prefixes(sub)...)
		}
		if len(union) <= maxVariants {
			return union
		}
	}
	return []string{""}
}

func prefixesOfConcat(subs []*syntax.Regexp) []string {
	product := []string{""}
	for _, sub := range subs {
		longer := multiply(product, prefixes(sub))
		if len(longer) > maxVariants {
			return product
		}
		product = longer
		if _, ok := exact(sub); !ok {
			return product
		}
	}
	return product
}

func multiply(beginnings, ends []string) []string {
	var product []string
	for _, beginning := range beginnings {
		for _, end := range ends {
			product = append(product, beginning+end)
		}
	}
	slices.Sort(product)
	return slices.Compact(product)
}

// maxLength bounds the length of a match in bytes.
func maxLength(re *syntax.Regexp) int {
	switch re.Op {
	case syntax.OpLiteral:
		return utf8.UTFMax * len(re.Rune)
	case syntax.OpCharClass:
		return utf8.RuneLen(re.Rune[len(re.Rune)-1])
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return utf8.UTFMax
	case syntax.OpCapture, syntax.OpQuest:
		return maxLength(re.Sub[0])
	case syntax.OpStar, syntax.OpPlus:
		if isBlank(re.Sub[0]) {
			return maxSpaces
		}
		return unbounded
	case syntax.OpRepeat:
		if re.Max < 0 {
			return unbounded
		}
		return min(re.Max*maxLength(re.Sub[0]), unbounded)
	case syntax.OpConcat:
		return maxLengths(re.Sub)
	case syntax.OpAlternate:
		longest := 0
		for _, sub := range re.Sub {
			longest = max(longest, maxLength(sub))
		}
		return longest
	}
	return 0 // an assertion
}

func maxLengths(subs []*syntax.Regexp) int {
	sum := 0
	for _, sub := range subs {
		sum = add(sum, maxLength(sub))
	}
	return sum
}

func add(a, b int) int { return min(a+b, unbounded) }

// isBlank says that an expression is \s.
func isBlank(re *syntax.Regexp) bool {
	return re.Op == syntax.OpCharClass && re.Rune[len(re.Rune)-1] == ' '
}
