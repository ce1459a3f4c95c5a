// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
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

// generator makes small policies and evidence that meet one another often.
type generator struct{ *rand.Rand }

func pick[T any](g generator, values ...T) T { return values[g.IntN(len(values))] }

func (g generator) policies() []Policy {
	policies := make([]Policy, g.IntN(4))
	for i := range policies {
		policies[i] = g.policy(fmt.Sprintf("prod/%d", i))
	}
	return policies
}

func (g generator) policy(name string) Policy {
	p := Policy{Name: name, Namespace: "prod", Authorities: map[v1alpha1.RuleName]evidence.Fact[string]{
		"a": g.key(), "b": g.key(), "c": g.key(),
	}}
	if g.IntN(4) > 0 {
		p.Spec.Vulnerabilities = g.vulnerabilities()
		p.VEX = map[v1alpha1.RuleName]evidence.Fact[[]evidence.VEXStatement]{"map": g.statements()}
	}
	for i := range g.IntN(2) {
		anyOf := []v1alpha1.RuleName{"a", "b", "c"}[:1+g.IntN(3)]
		p.Spec.Signatures = append(p.Spec.Signatures, v1alpha1.SignatureRule{
			Name: v1alpha1.RuleName(fmt.Sprintf("s%d", i)), AnyOf: slices.Clone(anyOf), Threshold: int32(g.IntN(len(anyOf) + 1)),
		})
	}
	if g.IntN(6) == 0 {
		p.Spec.Image = &v1alpha1.ImageRules{User: pick(g, "", v1alpha1.UserNonRoot), Secrets: pick(g, "", v1alpha1.SecretsDeny)}
	}
	if g.IntN(6) == 0 {
		p.Spec.SBOM = &v1alpha1.SBOMRules{Deny: []v1alpha1.SBOMDenyRule{
			{Name: "d0", Packages: []v1alpha1.PackagePattern{pick[v1alpha1.PackagePattern](g, "pkg:npm/p", "pkg:npm/*@<2", "pkg:npm/q@1", "broken")}},
			{Name: "d1", Licenses: []v1alpha1.LicensePattern{pick[v1alpha1.LicensePattern](g, "GPL-*", "MIT")}},
		}[:1+g.IntN(2)]}
	}
	return p
}

func (g generator) vulnerabilities() *v1alpha1.VulnerabilityRules {
	rules := &v1alpha1.VulnerabilityRules{NotWorseThanCurrent: g.IntN(4) == 0}
	for i := range g.IntN(3) {
		rule := v1alpha1.BlockRule{
			Name:        v1alpha1.RuleName(fmt.Sprintf("b%d", i)),
			MinSeverity: pick(g, "", v1alpha1.SeverityUnknown, v1alpha1.SeverityMedium, v1alpha1.SeverityCritical),
			MinEPSS:     pick[v1alpha1.Probability](g, "", "", "0.5"),
			Fix:         pick(g, "", v1alpha1.FixAvailable),
			Exploited:   pick(g, "", "", v1alpha1.ExploitedKnown, v1alpha1.ExploitedRansomware),
		}
		if g.IntN(4) == 0 {
			rule.GracePeriod = &v1alpha1.GracePeriod{
				Duration: pick[v1alpha1.Duration](g, "1h", "30h", "60h"), From: pick(g, v1alpha1.GraceFromFixSeen, v1alpha1.GraceFromFirstSeen, v1alpha1.GraceFromPublished),
			}
		}
		rules.Block = append(rules.Block, rule)
	}
	if g.IntN(8) == 0 {
		rules.MaxScanAge = pick(g, new(v1alpha1.Duration("20h")), new(v1alpha1.Duration("60h")))
	}
	if g.IntN(8) == 0 {
		rules.EndOfLife, rules.Unidentified = pick(g, "", v1alpha1.ToleranceDeny), pick(g, v1alpha1.ToleranceAllow, v1alpha1.ToleranceDeny)
	}
	for range g.IntN(3) {
		e := g.exception()
		if !slices.ContainsFunc(rules.Exceptions, func(other v1alpha1.VulnerabilityException) bool { return referenceTo(other) == referenceTo(e) }) {
			rules.Exceptions = append(rules.Exceptions, e)
		}
	}
	if g.IntN(4) == 0 {
		rules.VEX = []v1alpha1.VEXSource{
			{Name: "map", ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{}}, {Name: "attested", AttestedBy: []v1alpha1.RuleName{"a", "b"}},
		}[g.IntN(2):]
	}
	return rules
}

func (g generator) exception() v1alpha1.VulnerabilityException {
	e := v1alpha1.VulnerabilityException{
		ID: pick(g, "CVE-1", "CVE-2", "ALIAS-1"), Package: pick(g, "pkg:npm/p", "pkg:npm/p", "pkg:npm/q@<2", "pkg:npm/*", "pkg:npm/p?arch=a0"),
		Reason: "r", ExpiresAt: v1alpha1.NewTimestamp(g.moment()), ExpireOnFix: g.IntN(4) == 0,
	}
	if g.IntN(8) == 0 {
		e.Digests = []v1alpha1.DigestString{v1alpha1.DigestString(image.DigestOf([]byte{byte(g.IntN(2))}).String())}
	}
	return e
}

// moment is one in the two days before and after now, and sometimes none.
func (g generator) moment() time.Time {
	if g.IntN(8) == 0 {
		return time.Time{}
	}
	return now.Add(time.Duration(g.IntN(96)-48) * time.Hour)
}

func (g generator) key() evidence.Fact[string] {
	return pick(g, evidence.Checked("1"), evidence.Checked("2"), evidence.Checked("3"),
		evidence.Unchecked[string](v1alpha1.ReasonInvalidKey, "invalid"), evidence.Fact[string]{})
}

func (g generator) circumstances() Circumstances {
	c := Circumstances{Now: now}
	if g.IntN(2) == 0 {
		replaced := g.evidence()
		c.Replaces = &replaced
	}
	if g.IntN(3) == 0 {
		c.TrustedAt = g.moment()
	}
	return c
}

func (g generator) evidence() evidence.Evidence {
	feed := func() evidence.Fact[evidence.Feed] {
		return pick(g, evidence.Checked(evidence.Feed{UpdatedAt: g.moment()}), evidence.Checked(evidence.Feed{UpdatedAt: yesterday}),
			evidence.Checked(evidence.Feed{UpdatedAt: yesterday}), evidence.Unchecked[evidence.Feed](v1alpha1.ReasonFeedUnavailable, "gone"))
	}
	e := evidence.Evidence{
		Signatures: map[string]evidence.Fact[evidence.Signature]{"1": g.signature(), "2": g.signature(), "3": g.signature()},
		Database:   feed(), KEV: feed(), EPSS: feed(),
		VEX: map[string]evidence.Fact[[]evidence.VEXStatement]{"1": g.attested(), "2": g.attested()},
	}
	for i := range g.IntN(3) {
		e.Platforms = append(e.Platforms, g.platform(i))
	}
	return e
}

func (g generator) signature() evidence.Fact[evidence.Signature] {
	return pick(g, evidence.Checked(evidence.Signature{Verified: true}), evidence.Checked(evidence.Signature{Verified: true}),
		evidence.Checked(evidence.Signature{}), evidence.Unchecked[evidence.Signature](v1alpha1.ReasonRegistryUnavailable, "gone"))
}

func (g generator) statements() evidence.Fact[[]evidence.VEXStatement] {
	var statements []evidence.VEXStatement
	for i := range g.IntN(4) {
		statements = append(statements, evidence.VEXStatement{
			IDs: []string{pick(g, "CVE-1", "CVE-2", "ALIAS-1")}, Status: pick(g, evidence.VEXNotAffected, evidence.VEXFixed, evidence.VEXAffected),
			Product: pick(g, "pkg:npm/p", "pkg:npm/q@1", "pkg:oci/x@"+image.DigestOf([]byte{0}).String()), Timestamp: g.moment(), Document: fmt.Sprint(i),
		})
	}
	return pick(g, evidence.Checked(statements), evidence.Checked(statements), evidence.Checked(statements),
		evidence.Unchecked[[]evidence.VEXStatement](v1alpha1.ReasonVEXUnavailable, "gone"), evidence.Fact[[]evidence.VEXStatement]{})
}

// attested are statements of which some were attested to a platform's image.
func (g generator) attested() evidence.Fact[[]evidence.VEXStatement] {
	fact := g.statements()
	for i := range fact.Value {
		fact.Value[i].Manifest = pick(g, image.Digest{}, image.Digest{}, image.DigestOf([]byte{0}), image.DigestOf([]byte{1}))
	}
	return fact
}

func (g generator) platform(i int) evidence.Platform {
	var findings []evidence.Finding
	for range g.IntN(3) {
		findings = append(findings, g.finding(i))
	}
	p := evidence.Platform{
		Platform:     image.Platform{OS: "linux", Architecture: fmt.Sprintf("a%d", i)},
		Manifest:     image.DigestOf([]byte{byte(i)}),
		Config:       image.Config{User: pick(g, "1000", "1000", "nobody", "0")},
		Inventory:    evidence.Checked(evidence.Inventory{}),
		Findings:     evidence.Checked(findings),
		Distribution: evidence.Checked(evidence.Distribution{EndOfLife: g.IntN(8) == 0}),
		Packages: evidence.Checked([]evidence.Package{
			{PURL: pick(g, "pkg:npm/p@1", "pkg:npm/q@1", "pkg:npm/r@x"), Name: "p", Licenses: []string{pick(g, "MIT", "MIT OR GPL-2.0-only", "GPL-2.0-only")}},
		}[g.IntN(2):]),
		Secrets: evidence.Checked([]evidence.Secret{{Rule: "key", Place: "a"}}[min(1, g.IntN(8)):]),
	}
	if g.IntN(8) == 0 {
		p.Inventory = evidence.Unchecked[evidence.Inventory](v1alpha1.ReasonInventoryIncomplete, "incomplete")
	}
	if g.IntN(8) == 0 {
		p.Findings = evidence.Unchecked[[]evidence.Finding](v1alpha1.ReasonNotCovered, "not covered")
	}
	return p
}

func (g generator) finding(platform int) evidence.Finding {
	name := pick(g, "p", "q")
	return evidence.Finding{
		ID: pick(g, "CVE-1", "CVE-2"), Aliases: []string{"ALIAS-1"}, Package: name, Version: "1", FixedVersion: pick(g, "", "2"),
		PURL:     fmt.Sprintf("pkg:npm/%s@1?arch=a%d", name, platform),
		Severity: evidence.Severity(g.IntN(5)), Exploited: g.IntN(4) == 0, Ransomware: g.IntN(8) == 0, EPSS: g.Float64(), Scored: g.IntN(4) > 0,
		Published: g.moment(), FirstSeen: g.moment(), FixSeen: g.moment(),
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
		if aloneWide.Outcome == Trusted {
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
		e.Signatures = map[string]evidence.Fact[evidence.Signature]{"1": e.Signatures["1"]}
	case 1:
		e.KEV = evidence.Fact[evidence.Feed]{}
	case 2:
		e.EPSS = evidence.Unchecked[evidence.Feed](v1alpha1.ReasonFeedUnavailable, "gone")
	case 3:
		e.Database = evidence.Fact[evidence.Feed]{}
	default:
		e.VEX = nil
	}
	return e
}

// A source that cannot be read, or was not, excuses nothing.
func TestAVEXSourceThatCannotBeReadNeverHelps(t *testing.T) {
	blocked := 0
	forAll(t, func(t *testing.T, g generator) {
		policies, e, c := g.policies(), g.evidence(), g.circumstances()
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
