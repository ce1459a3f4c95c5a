// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"fmt"
	"regexp/syntax"

	"github.com/aquasecurity/trivy/pkg/fanal/secret"
	ahocorasick "github.com/petar-dambovaliev/aho-corasick"
)

// suspicion tells quickly which rules may match a text, so that the others, which is nearly always all of them, need not be
// tried: trivy tries them at some ten megabytes a second. A rule that it does not name does not match.
type suspicion struct {
	rules     []suspect
	automaton ahocorasick.AhoCorasick
	texts     [][]int // that the automaton looks for: the rules that have it in their factor
	reach     int     // the farthest that a bounded rule looks, in bytes
}

// suspect is a rule with what each of its matches contains.
type suspect struct {
	secret.Rule
	factor factor
}

// folded are letters that expressions which ignore case take for K and S, by Unicode's rules. No other text of a rule may
// be in a match that has one of them.
var folded = []string{"\u212a", "\u017f"}

// newSuspicion returns the suspicion of rules.
func newSuspicion(rules []secret.Rule) (*suspicion, error) {
	s := &suspicion{}
	indexes := map[string]int{}
	var texts []string
	look := func(wanted string, rule int) {
		index, known := indexes[wanted]
		if !known {
			index = len(texts)
			indexes[wanted] = index
			texts, s.texts = append(texts, wanted), append(s.texts, nil)
		}
		s.texts[index] = append(s.texts[index], rule)
	}
	for i, rule := range rules {
		parsed, err := syntax.Parse(rule.Regex.String(), syntax.Perl)
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", rule.ID, err)
		}
		f := factorOf(parsed)
		if shortest(f.texts) == 0 {
			return nil, fmt.Errorf("rule %s: its matches have no text in common", rule.ID)
		}
		s.rules = append(s.rules, suspect{Rule: rule, factor: f})
		if f.bounded() {
			s.reach = max(s.reach, f.before+f.after)
		}
		for _, wanted := range append(f.texts, folded...) {
			look(wanted, i)
		}
	}
	builder := ahocorasick.NewAhoCorasickBuilder(ahocorasick.Opts{
		AsciiCaseInsensitive: true, MatchKind: ahocorasick.StandardMatch, DFA: true,
	})
	s.automaton = builder.Build(texts)
	return s, nil
}

// span of a block.
type span struct{ from, to int }

// look is one look at a file.
type look struct {
	*suspicion
	path      string
	suspected []bool
	pending   []span // by rule: what is to be tried next
	tried     int    // bytes that rules were tried on
}

func (s *suspicion) look(path string) *look {
	return &look{suspicion: s, path: path, suspected: make([]bool, len(s.rules)), pending: make([]span, len(s.rules))}
}

// block looks at a block of the file.
func (l *look) block(content []byte) {
	clear(l.pending)
	matches := l.automaton.IterOverlappingByte(content)
	for match := matches.Next(); match != nil; match = matches.Next() {
		for _, rule := range l.texts[match.Pattern()] {
			if !l.suspected[rule] {
				l.hit(content, rule, match.Start())
			}
		}
	}
	for rule := range l.pending {
		l.try(content, rule)
	}
}

// hit is told that a text of a rule begins at an offset. Spans that overlap are tried at once.
func (l *look) hit(content []byte, rule, at int) {
	f := l.rules[rule].factor
	if !f.bounded() {
		l.suspected[rule] = l.rules[rule].MatchPath(l.path)
		return
	}
	from, to := max(0, at-f.before), min(len(content), at+f.after)
	pending := &l.pending[rule]
	if pending.to > 0 && from <= pending.to {
		pending.to = max(pending.to, to)
		return
	}
	l.try(content, rule)
	*pending = span{from, to}
}

// try tries a rule on what is pending.
func (l *look) try(content []byte, rule int) {
	pending := l.pending[rule]
	if pending.to == 0 || l.suspected[rule] {
		return
	}
	l.tried += pending.to - pending.from
	l.suspected[rule] = l.rules[rule].Regex.Match(content[pending.from:pending.to])
}

// rulesSuspected returns the rules that may match.
func (l *look) rulesSuspected() []secret.Rule {
	var rules []secret.Rule
	for i, suspected := range l.suspected {
		if suspected {
			rules = append(rules, l.rules[i].Rule)
		}
	}
	return rules
}
