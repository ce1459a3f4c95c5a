// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
)

func TestExpressions(t *testing.T) {
	const content = `{"reviewers":["a@example.com","b@other.org"],"score":7,"ratio":0.5,"tests":{"passed":3,"failed":0},"nothing":null,"text":"x"}`
	const invalid, refused = v1alpha1.ReasonPolicyInvalid, v1alpha1.ReasonAttestationRefused
	for name, test := range map[string]struct {
		rule   string
		reason string // nothing when it holds
		why    string // a part of it
	}{
		"true of the predicate":             {"predicate.reviewers.exists(r, r.endsWith('@example.com'))", "", ""},
		"false of the predicate":            {"predicate.reviewers.all(r, r.endsWith('@example.com'))", refused, "its rule is not true: predicate.reviewers.all"},
		"a whole number":                    {"predicate.score == 7 && predicate.tests.failed == 0", "", ""},
		"a number with a fraction":          {"predicate.ratio < 0.6", "", ""},
		"a field that is there":             {"has(predicate.text)", "", ""},
		"a field that is not there":         {"has(predicate.other)", refused, "its rule is not true"},
		"a missing field that is used":      {"predicate.other == 'x'", refused, "its rule cannot be evaluated: no such key: other"},
		"a missing field that is asked of":  {"!has(predicate.other) || predicate.other == 'x'", "", ""},
		"null":                              {"predicate.nothing == null", "", ""},
		"a text that is no truth":           {"predicate.text", refused, "its rule is not true"},
		"a number where a text is":          {"predicate.text > 3", refused, "its rule cannot be evaluated"},
		"a division by zero":                {"1 / predicate.tests.failed == 1", refused, "its rule cannot be evaluated"},
		"a regular expression that is none": {"predicate.text.matches('(')", invalid, ""},
		"nothing but text":                  {"'yes'", invalid, "its rule cannot be compiled: the expression gives string, want true or false"},
		"what is no expression":             {"predicate.text ==", invalid, "its rule cannot be compiled: ERROR"},
		"a variable that is none":           {"image.digest == 'x'", invalid, "its rule cannot be compiled: ERROR"},
		"a function that is none":           {"http.get('https://example.com')", invalid, "its rule cannot be compiled: ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			p := demanding(v1alpha1.AttestationRule{PredicateType: reviewType, Rule: test.rule})
			got := judged{[]Policy{p}, attestedBy(review(content)), Circumstances{}}.verdict()
			rule := got.Rules[0]
			if rule.Reason != test.reason || !strings.Contains(rule.Message, test.why) || (got.Outcome == Trusted) != (test.reason == "") {
				t.Errorf("%s, %s: %s", got.Outcome, rule.Reason, rule.Message)
			}
			assertPrintable(t, rule.Message, 512)
			problems := fmt.Sprint(Check(p.Spec))
			if named := strings.Contains(problems, "attestations[rule].rule: "); named != (test.reason == invalid) {
				t.Errorf("Check says %s", problems)
			}
		})
	}
}

// TestAnExpressionWithoutEndEnds however large a predicate it walks through, and however often.
func TestAnExpressionWithoutEndEnds(t *testing.T) {
	list := `{"l":[` + strings.TrimSuffix(strings.Repeat("1,", 5000), ",") + `],"s":"` + strings.Repeat("a", 500_000) + `"}`
	for name, rule := range map[string]string{
		"loops in loops":          "predicate.l.all(a, predicate.l.all(b, predicate.l.all(c, a + b + c > 0)))",
		"a text that grows":       "predicate.l.map(x, predicate.s + predicate.s).all(s, s.size() > 0 && s.contains('b') == false)",
		"a list that grows":       "predicate.l.map(x, predicate.l.map(y, [x, y])).all(l, l.all(p, p.size() == 2))",
		"an expression of no end": "predicate.s.matches('(a+)+b') || predicate.l.all(a, predicate.s.matches('(a*)*b' + string(a)) == false)",
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			got := judged{[]Policy{demanding(v1alpha1.AttestationRule{PredicateType: reviewType, Rule: rule})}, attestedBy(review(list)), Circumstances{}}.verdict()
			took := time.Since(begun)
			if !strings.Contains(got.Message(), "cost limit exceeded") || took > 30*time.Second {
				t.Errorf("%s after %s: %s", got.Outcome, took, got.Message())
			}
			t.Logf("took %s", took)
		})
	}
}

// TestExpressionsAreKeptWithinBounds: many policies with many expressions do not fill the memory.
func TestExpressionsAreKeptWithinBounds(t *testing.T) {
	c := &compiler{programs: map[string]compiled{}}
	for i := range maxPrograms + 10 {
		if _, err := c.compile(fmt.Sprintf("predicate.a == %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.programs) > maxPrograms {
		t.Errorf("%d are kept", len(c.programs))
	}
}
