// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// rounds of each property. A failing round is found again by its number, which is its seed.
const rounds = 10000

func forAll(t *testing.T, property func(t *testing.T, g generator)) {
	t.Helper()
	for round := range uint64(rounds) {
		property(t, generator{rand.New(rand.NewPCG(round, 0))})
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
}

// without returns the policies with whatever a change takes from them.
func without(policies []Policy, change func(*Policy)) []Policy {
	changed := make([]Policy, 0, len(policies))
	for _, p := range policies {
		p = deep(p)
		change(&p)
		changed = append(changed, p)
	}
	return changed
}

// demandNobody takes the rules on who made the image, which sources excuse nothing of.
func demandNobody(p *Policy) { p.Spec.Signatures, p.Spec.Attestations, p.Spec.Layouts = nil, nil, nil }

// loosened says that a verdict on what must be judged no more loosely is looser.
func loosened(before, after Outcome) bool {
	return before != Trusted && after == Trusted || before == Rejected && after != Rejected
}

func TestAddingAPolicyNeverAllowsWhatWasNotAllowed(t *testing.T) {
	tightened := 0
	forAll(t, func(t *testing.T, g generator) {
		policies, e, c := append(g.policies(), g.policy("prod/first")), g.evidence(), g.circumstances()
		before := Judge(policies, e, c)
		after := Judge(append(slices.Clone(policies), g.policy("prod/added")), e, c)
		if loosened(before.Outcome, after.Outcome) {
			t.Errorf("%s became %s", before.Outcome, after.Outcome)
		}
		if before.Outcome == Trusted && after.Outcome != Trusted {
			tightened++
		}
	})
	if tightened == 0 {
		t.Error("no policy ever tightened: the property says nothing")
	}
}

// resultsOf returns the results of one policy's rules.
func resultsOf(v Verdict, policy string) []v1alpha1.RuleResult {
	var results []v1alpha1.RuleResult
	for _, r := range v.Rules {
		if r.Policy == policy {
			results = append(results, r)
		}
	}
	return results
}

// What a policy says or excuses is no matter of another one, but for a cluster-wide one that delegates to its namespace.
func TestAPolicyNeverChangesTheResultsOfAnother(t *testing.T) {
	excused, delegated := 0, 0
	forAll(t, func(t *testing.T, g generator) {
		e, c := g.evidence(), g.circumstances()
		own, other, clusterWide := g.policy("prod/own"), g.policy("prod/other"), g.policy("everywhere")
		clusterWide.Namespace, clusterWide.Namespaces = "", []v1alpha1.NamespacePattern{"*"}
		if clusterWide.Spec.Vulnerabilities != nil {
			clusterWide.Spec.Vulnerabilities.DelegateExceptions = &v1alpha1.ExceptionDelegation{
				Namespaces:  []v1alpha1.NamespacePattern{pick[v1alpha1.NamespacePattern](g, "prod", "dev")},
				MaxSeverity: pick(g, v1alpha1.SeverityMedium, v1alpha1.SeverityCritical), MaxDuration: pick[v1alpha1.Duration](g, "12h", "999h"),
			}
		}
		alone := Judge([]Policy{own}, e, c)
		together := Judge([]Policy{other, own, clusterWide}, e, c)
		if diff := cmp.Diff(resultsOf(alone, "prod/own"), resultsOf(together, "prod/own")); diff != "" {
			t.Errorf("results of the policy (-alone +together):\n%s", diff)
		}
		if slices.ContainsFunc(alone.Rules, func(r v1alpha1.RuleResult) bool { return r.Result == v1alpha1.ResultExcepted }) {
			excused++
		}
		aloneWide := Judge([]Policy{clusterWide}, e, c)
		if cmp.Equal(resultsOf(aloneWide, "everywhere"), resultsOf(together, "everywhere")) {
			return
		}
		delegated++
		if rules := clusterWide.Spec.Vulnerabilities; rules == nil || rules.DelegateExceptions.Namespaces[0] != "prod" {
			t.Error("a policy excused where nobody delegated to it")
		}
		if aloneWide.Outcome == Trusted && conclude(resultsOf(together, "everywhere")).Outcome != Trusted {
			t.Error("a delegated exception made a result worse")
		}
	})
	if excused == 0 || delegated == 0 {
		t.Error("nothing was ever excused or delegated: the property says nothing")
	}
}

func TestTakingAwayWhatExcusesNeverHelps(t *testing.T) {
	rejected := 0
	forAll(t, func(t *testing.T, g generator) {
		policies, e, c := g.policies(), g.evidence(), g.circumstances()
		strict := without(policies, func(p *Policy) {
			rules := p.Spec.Vulnerabilities
			if rules == nil {
				return
			}
			switch g.IntN(4) {
			case 0:
				rules.Exceptions = nil
			case 1:
				rules.VEX = nil
			case 2:
				rules.NotWorseThanCurrent = false
			default:
				for i := range rules.Block {
					rules.Block[i].GracePeriod = nil
				}
			}
		})
		before, after := Judge(policies, e, c), Judge(strict, e, c)
		if before.Outcome != Trusted && after.Outcome == Trusted {
			// A source that was not read yet leaves a rule open; without it there is nothing to wait for, and nothing to excuse.
			if !slices.ContainsFunc(before.Rules, func(r v1alpha1.RuleResult) bool { return r.Result == v1alpha1.ResultUnknown }) {
				t.Errorf("%s became %s", before.Outcome, after.Outcome)
			}
		}
		if before.Outcome == Rejected && after.Outcome != Rejected {
			t.Errorf("%s became %s", before.Outcome, after.Outcome)
		}
		if before.Outcome == Trusted && after.Outcome == Rejected {
			rejected++
		}
	})
	if rejected == 0 {
		t.Error("nothing was ever excused: the property says nothing")
	}
}

func TestAddingAPlatformOrAFindingNeverHelps(t *testing.T) {
	rejected := 0
	forAll(t, func(t *testing.T, g generator) {
		policies, e, c := g.policies(), g.evidence(), g.circumstances()
		if len(e.Platforms) == 0 {
			return
		}
		worse := e
		worse.Platforms = slices.Clone(e.Platforms)
		if g.IntN(2) == 0 {
			worse.Platforms = append(worse.Platforms, g.platform(7))
		} else {
			first := &worse.Platforms[0]
			first.Findings.Value = append(slices.Clone(first.Findings.Value), g.finding(0))
		}
		before, after := Judge(policies, e, c), Judge(policies, worse, c)
		if loosened(before.Outcome, after.Outcome) {
			t.Errorf("%s became %s", before.Outcome, after.Outcome)
		}
		if before.Outcome == Trusted && after.Outcome == Rejected {
			rejected++
		}
	})
	if rejected == 0 {
		t.Error("nothing was ever rejected: the property says nothing")
	}
}

// What is no longer known may leave a verdict open. It trusts nothing, and rejects nothing but what a VEX document excused that
// cannot be read.
func TestKnowingLessNeverHelps(t *testing.T) {
	opened := 0
	forAll(t, func(t *testing.T, g generator) {
		policies, e, c := g.policies(), g.evidence(), g.circumstances()
		less := g.forget(e)
		if c.Replaces != nil && g.IntN(2) == 0 {
			replaced := g.forget(*c.Replaces)
			forgetful := c
			forgetful.Replaces = &replaced
			g.compare(t, Judge(policies, e, c), Judge(policies, less, forgetful), &opened)
			return
		}
		g.compare(t, Judge(policies, e, c), Judge(policies, less, c), &opened)
	})
	if opened == 0 {
		t.Error("no verdict was ever left open: the property says nothing")
	}
}

func (g generator) compare(t *testing.T, before, after Verdict, opened *int) {
	t.Helper()
	if before.Outcome != Trusted && after.Outcome == Trusted {
		t.Errorf("%s became %s", before.Outcome, after.Outcome)
	}
	if before.Outcome == Trusted && after.Outcome == Rejected {
		t.Error("what is not known rejects: " + after.Message())
	}
	if before.Outcome == Trusted && after.Outcome == Undetermined {
		*opened++
	}
}

// forget returns the evidence with some of its facts not checked.
func (g generator) forget(e evidence.Evidence) evidence.Evidence {
	e.Platforms = slices.Clone(e.Platforms)
	for i := range e.Platforms {
		p := &e.Platforms[i]
		switch g.IntN(8) {
		case 0:
			p.Findings = evidence.Fact[[]evidence.Finding]{}
		case 1:
			p.Inventory = evidence.Fact[evidence.Inventory]{}
		case 2:
			p.Packages, p.Secrets = evidence.Fact[[]evidence.Package]{}, evidence.Unchecked[[]evidence.Secret](v1alpha1.ReasonOverLimit, "too large")
		case 3:
			p.Distribution = evidence.Fact[evidence.Distribution]{}
		}
	}
	switch g.IntN(5) {
	case 0:
		e.Signed = g.forgetStatements(e.Signed)
	case 1:
		e.KEV = evidence.Fact[evidence.Feed]{}
	case 2:
		e.EPSS = evidence.Unchecked[evidence.Feed](v1alpha1.ReasonFeedUnavailable, "gone")
	case 3:
		e.Database = evidence.Fact[evidence.Feed]{}
	default:
		e.Layouts = nil
	}
	return e
}

// A registry that does not answer makes nobody's signature bad, and takes none away that was found before.
func TestAnOutageRejectsNoSigner(t *testing.T) {
	opened, kept := 0, 0
	forAll(t, func(t *testing.T, g generator) {
		policies, e, c := g.policies(), g.evidence(), g.circumstances()
		for i := range policies {
			policies[i].Spec.Vulnerabilities = nil // which VEX documents excuse that cannot be read
		}
		outage := e
		outage.Signed = maps.Clone(e.Signed)
		for anchor, statements := range outage.Signed {
			statements.Rest = evidence.Unchecked[string](v1alpha1.ReasonRegistryUnavailable, "gone")
			outage.Signed[anchor] = statements
		}
		before, after := Judge(policies, e, c), Judge(policies, outage, c)
		for i, rule := range after.Rules {
			signs := strings.HasPrefix(rule.Rule, ruleSignature) || strings.HasPrefix(rule.Rule, ruleAttestation)
			switch {
			case signs && rule.Result == v1alpha1.ResultFail:
				t.Errorf("%s fails: %s", rule.Rule, rule.Message)
			case (rule.Result == v1alpha1.ResultPass) != (before.Rules[i].Result == v1alpha1.ResultPass):
				t.Errorf("%s was %s and is %s", rule.Rule, before.Rules[i].Result, rule.Result)
			case signs && rule.Result == v1alpha1.ResultPass:
				kept++
			case signs && before.Rules[i].Result == v1alpha1.ResultFail:
				opened++
			}
		}
	})
	if opened == 0 || kept == 0 {
		t.Error("nothing was ever left open or kept: the property says nothing")
	}
}

// One more statement by whoever it is may help, and takes nothing from those that are there.
func TestAStatementMoreNeverHurts(t *testing.T) {
	helped := 0
	forAll(t, func(t *testing.T, g generator) {
		policies, e, c := g.policies(), g.evidence(), g.circumstances()
		for i := range policies {
			policies[i].Spec.Vulnerabilities = nil // of which a VEX document more may take an excuse away
		}
		more := e
		more.Signed = maps.Clone(e.Signed)
		anchor := pick(g, slices.Sorted(maps.Keys(e.Signed))...)
		statements := more.Signed[anchor]
		statements.Signed = append(slices.Clone(statements.Signed), g.signed(e, anchor))
		more.Signed[anchor] = statements
		before, after := Judge(policies, e, c), Judge(policies, more, c)
		for i, rule := range after.Rules {
			if passed := before.Rules[i].Result == v1alpha1.ResultPass; passed && rule.Result != v1alpha1.ResultPass {
				t.Errorf("%s passed and is %s: %s", rule.Rule, rule.Result, rule.Message)
			}
		}
		if before.Outcome != Trusted && after.Outcome == Trusted {
			helped++
		}
	})
	if helped == 0 {
		t.Error("no statement ever helped: the property says nothing")
	}
}

// A threshold that is met is met by as many different signers.
func TestAThresholdNeedsAsManySigners(t *testing.T) {
	met := 0
	forAll(t, func(t *testing.T, g generator) {
		e := g.evidence()
		p := g.policy("prod/a")
		p.Spec = v1alpha1.PolicySpec{Signatures: []v1alpha1.SignatureRule{{Name: "rule", AnyOf: []v1alpha1.RuleName{"a", "b", "c"}, Threshold: int32(2 + g.IntN(2))}}}
		if Judge([]Policy{p}, e, Circumstances{Now: now}).Outcome != Trusted {
			return
		}
		met++
		signers := map[string]bool{}
		for _, statements := range e.Signed {
			for _, s := range statements.Signed {
				if isSignature(s, e) {
					signers[identifier(s.Signer)] = true
				}
			}
		}
		if len(signers) < int(p.Spec.Signatures[0].Threshold) {
			t.Errorf("%d signers meet a threshold of %d", len(signers), p.Spec.Signatures[0].Threshold)
		}
	})
	if met == 0 {
		t.Error("no threshold was ever met: the property says nothing")
	}
}

// A source that cannot be read, or was not, excuses nothing.
func TestAVEXSourceThatCannotBeReadNeverHelps(t *testing.T) {
	blocked := 0
	forAll(t, func(t *testing.T, g generator) {
		policies, e, c := without(g.policies(), demandNobody), g.evidence(), g.circumstances()
		unread := without(policies, func(p *Policy) {
			p.VEX = map[v1alpha1.RuleName]evidence.Fact[[]evidence.VEXStatement]{"map": evidence.Unchecked[[]evidence.VEXStatement](v1alpha1.ReasonVEXUnavailable, "gone")}
		})
		before, after := Judge(policies, e, c), Judge(unread, e, c)
		if before.Outcome != Trusted && after.Outcome == Trusted || before.Outcome == Rejected && after.Outcome != Rejected {
			t.Errorf("%s became %s", before.Outcome, after.Outcome)
		}
		if before.Outcome == Trusted && after.Outcome == Rejected {
			blocked++
			if !strings.Contains(after.Message(), "which might excuse some, cannot be read") {
				t.Errorf("the source is not named: %s", after.Message())
			}
		}
	})
	if blocked == 0 {
		t.Error("nothing was ever blocked: the property says nothing")
	}
}

// Until then time alone changes nothing, so that one timer is enough.
func TestNothingChangesBeforeUntil(t *testing.T) {
	ended := 0
	forAll(t, func(t *testing.T, g generator) {
		policies, e, c := g.policies(), g.evidence(), g.circumstances()
		verdict := Judge(policies, e, c)
		later := c
		later.Now = now.Add(1000 * time.Hour)
		if !verdict.Until.IsZero() {
			if !verdict.Until.After(now) {
				t.Fatalf("until %s, which has passed", verdict.Until)
			}
			later.Now = verdict.Until.Add(-time.Nanosecond)
		}
		same := Judge(policies, e, later)
		if diff := cmp.Diff(verdict, same); diff != "" {
			t.Errorf("verdict (-now +%s):\n%s", later.Now, diff)
		}
		later.Now = verdict.Until
		if !verdict.Until.IsZero() && Judge(policies, e, later).Outcome != verdict.Outcome {
			ended++
		}
	})
	if ended == 0 {
		t.Error("time never changed a verdict: the property says nothing")
	}
}

func TestOrderDoesNotMatter(t *testing.T) {
	forAll(t, func(t *testing.T, g generator) {
		policies, e, c := g.policies(), g.evidence(), g.circumstances()
		shuffledPolicies, shuffledEvidence := g.shuffle(policies, e)
		verdict, shuffled := Judge(policies, e, c), Judge(shuffledPolicies, shuffledEvidence, c)
		if diff := cmp.Diff(verdict, shuffled); diff != "" {
			t.Errorf("verdict (-one order +another):\n%s", diff)
		}
		if Hash(policies) != Hash(shuffledPolicies) {
			t.Error("the hash depends on the order")
		}
		if diff := cmp.Diff(Worst(e), Worst(shuffledEvidence)); diff != "" {
			t.Errorf("worst findings (-one order +another):\n%s", diff)
		}
		if diff := cmp.Diff(Count(e, verdict), Count(shuffledEvidence, shuffled)); diff != "" {
			t.Errorf("counts (-one order +another):\n%s", diff)
		}
		if diff := cmp.Diff(Excusals(verdict), Excusals(shuffled)); diff != "" {
			t.Errorf("excusals (-one order +another):\n%s", diff)
		}
	})
}

func (g generator) shuffle(policies []Policy, e evidence.Evidence) ([]Policy, evidence.Evidence) {
	shuffled := without(policies, func(p *Policy) {
		if rules := p.Spec.Vulnerabilities; rules != nil {
			shuffle(g, rules.Block)
			shuffle(g, rules.Exceptions)
			shuffle(g, rules.VEX)
			shuffle(g, p.VEX["map"].Value)
		}
		if p.Spec.SBOM != nil {
			shuffle(g, p.Spec.SBOM.Deny)
		}
		shuffle(g, p.Spec.Signatures)
		for i := range p.Spec.Signatures {
			shuffle(g, p.Spec.Signatures[i].AnyOf)
		}
		shuffle(g, p.Spec.Attestations)
		for i := range p.Spec.Attestations {
			shuffle(g, p.Spec.Attestations[i].SignedBy)
		}
		shuffle(g, p.Spec.Layouts)
	})
	shuffle(g, shuffled)
	e.Platforms = slices.Clone(e.Platforms)
	for i := range e.Platforms {
		e.Platforms[i].Findings.Value = slices.Clone(e.Platforms[i].Findings.Value)
		shuffle(g, e.Platforms[i].Findings.Value)
	}
	shuffle(g, e.Platforms)
	return shuffled, e
}

func shuffle[T any](g generator, values []T) {
	g.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
}
