// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
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

// TestAnExpressionWithoutEndEnds however large a predicate it walks through, and before it fills the memory.
func TestAnExpressionWithoutEndEnds(t *testing.T) {
	document := `{"l":[` + strings.TrimSuffix(strings.Repeat("1,", 5000), ",") + `],"s":"` + strings.Repeat("a", 500_000) + `","m":{"a":[[` +
		strings.TrimSuffix(strings.Repeat(`{"b":1},`, 20_000), ",") + `]]}}`
	for name, rule := range map[string]string{
		"loops in loops":         "predicate.l.all(a, predicate.l.all(b, predicate.l.all(c, a + b + c > 0)))",
		"a text that grows":      "predicate.l.map(x, predicate.s + predicate.s).all(s, s.size() > 0)",
		"a text that is read":    "predicate.l.all(x, !predicate.s.contains('b'))",
		"a list that grows":      "predicate.l.map(x, predicate.l.map(y, [x, y])).all(l, l.all(p, p.size() == 2))",
		"an expression of texts": "predicate.l.all(a, !predicate.s.matches('(a*)*b' + string(a)))",
		"what is deep, compared": "predicate.l.all(a, predicate.m == predicate.m)",
		"what is deep, in lists": "predicate.l.all(a, !(predicate.l in predicate.m.a))",
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begun, spent := time.Now(), uint64(0)
			got := evaluate(rule, []byte(document), &spent)
			took := time.Since(begun)
			runtime.ReadMemStats(&after)
			if !strings.Contains(got.message, "cost limit exceeded") || spent != maxCost || took > time.Minute {
				t.Errorf("%s after %s, which cost %d: %s", got.of, took, spent, got.message)
			}
			made := (after.TotalAlloc - before.TotalAlloc) >> 20
			if made > 256 {
				t.Errorf("%d MiB of memory were used", made)
			}
			t.Logf("took %s and %d MiB", took, made)
		})
	}
}

func TestExpressionsOverLargePredicatesAreEvaluated(t *testing.T) {
	list := `{"l":[` + strings.TrimSuffix(strings.Repeat(`{"name":"a component","version":"1.2.3"},`, 2000), ",") + `],"s":"` + strings.Repeat("a", 1_000_000) + `"}`
	for name, rule := range map[string]string{
		"each of many":        "predicate.l.all(c, c.name != 'log4j-core' || c.version.startsWith('2.'))",
		"each by expression":  "predicate.l.all(c, c.version.matches('^[0-9]+\\\\.'))",
		"one among many":      "predicate.l.exists(c, c.name == 'a component')",
		"those that are left": "predicate.l.filter(c, c.version == '1.2.3').map(c, c.name).size() == 2000",
		"a long text":         "!predicate.s.contains('b')",
	} {
		t.Run(name, func(t *testing.T) {
			var spent uint64
			if got := evaluate(rule, []byte(list), &spent); got.of != v1alpha1.ResultPass {
				t.Errorf("cost %d: %s", spent, got.message)
			}
			t.Logf("cost %d", spent)
		})
	}
}

// TestThePolicysExpressionsTogetherEnd however many statements they are asked of; another policy's are still evaluated.
func TestThePolicysExpressionsTogetherEnd(t *testing.T) {
	const loops = "predicate.l.all(a, predicate.l.all(b, predicate.l.all(c, a + b + c > 0)))"
	list := `{"n":%d,"l":[` + strings.TrimSuffix(strings.Repeat("1,", 5000), ",") + `]}`
	var statements []evidence.Signed
	for i := range 200 {
		statements = append(statements, review(fmt.Sprintf(list, i)))
	}
	greedy, modest := demanding(v1alpha1.AttestationRule{PredicateType: reviewType, Rule: loops}), demanding(v1alpha1.AttestationRule{PredicateType: reviewType, Rule: "predicate.n == 7"})
	second := modest.Spec.Attestations[0]
	second.Name = "second"
	greedy.Spec.Attestations = append(greedy.Spec.Attestations, second)
	greedy.Name, modest.Name = "prod/a", "prod/b"
	begun := time.Now()
	got := judged{[]Policy{greedy, modest}, attestedBy(statements...), Circumstances{}}.verdict()
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("took %s", took)
	}
	for i, want := range []string{"actual cost limit exceeded", "the rules of the policy take too long together", ""} {
		if message := got.Rules[i].Message; !strings.Contains(message, want) || (got.Rules[i].Result == v1alpha1.ResultPass) != (want == "") {
			t.Errorf("%s: %s", got.Rules[i].Rule, message)
		}
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
