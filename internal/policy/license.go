// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/glob"
)

// Limits of licence expressions. A text beyond them is taken for words of which each counts.
const (
	maxExpression      = 1024 // bytes
	maxExpressionDepth = 16
)

// expression is a licence expression (SPDX specification, annex D): one name, or several of which any may be chosen or
// all hold. The zero value names nothing.
type expression struct {
	name   int // in licenses, when there are no parts
	parts  []expression
	choice bool
}

// denied says that whoever uses the package is bound by a denied licence: of a choice every part is denied, of licences that all
// hold one is.
func (e expression) denied(names []bool) bool {
	switch {
	case len(e.parts) == 0:
		return names[e.name]
	case e.choice:
		return !slices.ContainsFunc(e.parts, func(part expression) bool { return !part.denied(names) })
	default:
		return slices.ContainsFunc(e.parts, func(part expression) bool { return part.denied(names) })
	}
}

// licenses has the distinct names in the licence expressions of an image, and each expression once.
type licenses struct {
	names  []string
	places map[string]int
	parsed map[string]expression
}

// matching says of each name whether one of the patterns matches it.
func (l *licenses) matching(patterns []v1alpha1.LicensePattern) []bool {
	matched := make([]bool, len(l.names))
	for i, name := range l.names {
		forms := licenseForms(name)
		matched[i] = slices.ContainsFunc(patterns, func(pattern v1alpha1.LicensePattern) bool {
			lowered := strings.ToLower(string(pattern))
			return slices.ContainsFunc(forms, func(form string) bool { return glob.Match(lowered, form) })
		})
	}
	return matched
}

// licenseForms returns the ways to write a licence, in lower case. SPDX renamed those of GNU: GPL-2.0 to GPL-2.0-only, and
// GPL-2.0+ to GPL-2.0-or-later.
func licenseForms(name string) []string {
	forms := []string{name}
	if base, found := strings.CutSuffix(name, "+"); found {
		return append(forms, base+"-or-later")
	}
	if base, found := strings.CutSuffix(name, "-or-later"); found {
		return append(forms, base+"+")
	}
	if base, found := strings.CutSuffix(name, "-only"); found {
		return append(forms, base)
	}
	for _, family := range [...]string{"gpl-", "lgpl-", "agpl-", "gfdl-"} {
		if strings.HasPrefix(name, family) {
			return append(forms, name+"-only")
		}
	}
	return forms
}

// parse returns the expression of a text. One that is no expression is all of its words, so that a denied one in it counts.
func (l *licenses) parse(text string) expression {
	if e, found := l.parsed[text]; found {
		return e
	}
	p := parser{licenses: l, words: licenseWords(strings.ToLower(text))}
	e, valid := expression{}, false
	if len(text) <= maxExpression {
		e, valid = p.either(0)
		valid = valid && len(p.words) == 0
	}
	if !valid {
		e = l.words(text)
	}
	if l.parsed == nil {
		l.parsed = map[string]expression{}
	}
	l.parsed[text] = e
	return e
}

// words returns the expression that holds of all words in a text together, and of the text as a whole.
func (l *licenses) words(text string) expression {
	text = strings.ToLower(text)
	all := expression{parts: []expression{l.name(text)}}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !inLicenseName(r) }) {
		all.parts = append(all.parts, l.name(word))
	}
	return all
}

// name returns the expression of one name.
func (l *licenses) name(name string) expression {
	place, found := l.places[name]
	if !found {
		if l.places == nil {
			l.places = map[string]int{}
		}
		place = len(l.names)
		l.places[name] = place
		l.names = append(l.names, name)
	}
	return expression{name: place}
}

// inLicenseName says that a character may stand in the name of a licence.
func inLicenseName(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-.+:", r)
}

// licenseWords splits a text into parentheses and what stands between them and white space.
func licenseWords(text string) []string {
	return strings.Fields(strings.ReplaceAll(strings.ReplaceAll(text, "(", " ( "), ")", " ) "))
}

// parser parses an expression from its words, in lower case. WITH binds more than AND, and that more than OR.
type parser struct {
	*licenses
	words []string
}

func (p *parser) next() string {
	if len(p.words) == 0 {
		return ""
	}
	return p.words[0]
}

func (p *parser) take(word string) bool {
	if p.next() != word || word == "" {
		return false
	}
	p.words = p.words[1:]
	return true
}

func (p *parser) either(depth int) (expression, bool) {
	return p.series("or", true, depth, p.all)
}

func (p *parser) all(depth int) (expression, bool) {
	return p.series("and", false, depth, p.one)
}

// series parses what stands between operators.
func (p *parser) series(operator string, choice bool, depth int, part func(int) (expression, bool)) (expression, bool) {
	first, valid := part(depth)
	series := expression{parts: []expression{first}, choice: choice}
	for valid && p.take(operator) {
		var next expression
		next, valid = part(depth)
		series.parts = append(series.parts, next)
	}
	if len(series.parts) == 1 {
		return first, valid
	}
	return series, valid
}

// one parses a name, with the exception that it may be granted with, or an expression in parentheses. What an exception permits
// does not matter.
func (p *parser) one(depth int) (expression, bool) {
	if depth > maxExpressionDepth {
		return expression{}, false
	}
	if p.take("(") {
		inner, valid := p.either(depth + 1)
		return inner, valid && p.take(")")
	}
	name := p.next()
	if !p.takeName() {
		return expression{}, false
	}
	if p.take("with") && !p.takeName() {
		return expression{}, false
	}
	return p.name(name), true
}

// takeName takes a word that may be a name.
func (p *parser) takeName() bool {
	word := p.next()
	switch word {
	case "", "(", ")", "and", "or", "with":
		return false
	}
	if strings.ContainsFunc(word, func(r rune) bool { return !inLicenseName(r) }) {
		return false
	}
	p.words = p.words[1:]
	return true
}
