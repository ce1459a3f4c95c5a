// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"math/rand/v2"
	"regexp/syntax"
	"strings"
	"testing"

	"github.com/aquasecurity/trivy/pkg/fanal/secret"
)

// sample returns a text that a rule matches.
func sample(t testing.TB, rule secret.Rule, random *rand.Rand) string {
	t.Helper()
	parsed, err := syntax.Parse(rule.Regex.String(), syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	write(&b, parsed, random)
	return b.String()
}

// write writes a text that matches an expression, but for assertions.
func write(b *strings.Builder, re *syntax.Regexp, random *rand.Rand) {
	least, most := 1, 1
	switch re.Op {
	case syntax.OpLiteral:
		text := string(re.Rune)
		if re.Flags&syntax.FoldCase != 0 && random.IntN(2) == 0 {
			text = strings.ToUpper(text)
		}
		b.WriteString(text)
		return
	case syntax.OpCharClass:
		b.WriteRune(ofClass(re.Rune, random))
		return
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('.')
		return
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			write(b, sub, random)
		}
		return
	case syntax.OpAlternate:
		write(b, re.Sub[random.IntN(len(re.Sub))], random)
		return
	case syntax.OpQuest:
		least, most = 0, 1
	case syntax.OpStar:
		least, most = 0, 3
	case syntax.OpPlus:
		least, most = 1, 4
	case syntax.OpRepeat:
		if least, most = re.Min, re.Max; most < 0 {
			most = least + 40
		}
	case syntax.OpCapture:
	default:
		return // an assertion
	}
	for range least + random.IntN(most-least+1) {
		write(b, re.Sub[0], random)
	}
}

// ofClass returns a character of a class, of printable ASCII if there is one.
func ofClass(ranges []rune, random *rand.Rand) rune {
	var printable []rune
	for i := 0; i < len(ranges); i += 2 {
		for r := max(ranges[i], ' '); r <= min(ranges[i+1], '~'); r++ {
			printable = append(printable, r)
		}
	}
	if len(printable) == 0 {
		return ranges[0]
	}
	return printable[random.IntN(len(printable))]
}
