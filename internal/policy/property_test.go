// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// rounds of each property. A failing round is found again by its number, which is its seed.
const rounds = 20000

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
	for i := range g.IntN(3) {
		if p.Spec.Vulnerabilities == nil {
			p.Spec.Vulnerabilities = &v1alpha1.VulnerabilityRules{}
		}
		p.Spec.Vulnerabilities.Block = append(p.Spec.Vulnerabilities.Block, v1alpha1.BlockRule{
			Name:        v1alpha1.RuleName(fmt.Sprintf("b%d", i)),
			MinSeverity: pick(g, "", v1alpha1.SeverityUnknown, v1alpha1.SeverityMedium, v1alpha1.SeverityCritical),
			Fix:         pick(g, "", v1alpha1.FixAvailable),
			Exploited:   pick(g, "", v1alpha1.ExploitedKnown),
		})
	}
	for i := range g.IntN(3) {
		anyOf := []v1alpha1.RuleName{"a", "b", "c"}[:1+g.IntN(3)]
		p.Spec.Signatures = append(p.Spec.Signatures, v1alpha1.SignatureRule{
			Name: v1alpha1.RuleName(fmt.Sprintf("s%d", i)), AnyOf: slices.Clone(anyOf), Threshold: int32(g.IntN(len(anyOf) + 1)),
		})
	}
	if g.IntN(3) == 0 {
		p.Spec.Image = &v1alpha1.ImageRules{User: v1alpha1.UserNonRoot}
	}
	return p
}

func (g generator) key() evidence.Fact[string] {
	return pick(g, evidence.Checked("1"), evidence.Checked("2"), evidence.Checked("3"),
		evidence.Unchecked[string](v1alpha1.ReasonInvalidKey, "invalid"), evidence.Fact[string]{})
}

func (g generator) evidence() evidence.Evidence {
	e := evidence.Evidence{
		Signatures: map[string]evidence.Fact[evidence.Signature]{"1": g.signature(), "2": g.signature(), "3": g.signature()},
		KEV:        pick(g, evidence.Checked(evidence.Feed{}), evidence.Checked(evidence.Feed{}), evidence.Unchecked[evidence.Feed](v1alpha1.ReasonFeedUnavailable, "gone")),
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

func (g generator) platform(i int) evidence.Platform {
	var findings []evidence.Finding
	for range g.IntN(3) {
		findings = append(findings, g.finding())
	}
	p := evidence.Platform{
		Platform:  image.Platform{OS: "linux", Architecture: fmt.Sprintf("a%d", i)},
		Manifest:  image.DigestOf([]byte{byte(i)}),
		Config:    image.Config{User: pick(g, "1000", "1000", "nobody", "0")},
		Inventory: evidence.Checked(evidence.Inventory{}),
		Findings:  evidence.Checked(findings),
	}
	if g.IntN(8) == 0 {
		p.Inventory = evidence.Unchecked[evidence.Inventory](v1alpha1.ReasonInventoryIncomplete, "incomplete")
	}
	if g.IntN(8) == 0 {
		p.Findings = evidence.Unchecked[[]evidence.Finding](v1alpha1.ReasonNotCovered, "not covered")
	}
	return p
}

func (g generator) finding() evidence.Finding {
	return evidence.Finding{
		ID: pick(g, "CVE-1", "CVE-2"), Package: pick(g, "p", "q"), Version: "1", FixedVersion: pick(g, "", "2"),
		Severity: evidence.Severity(g.IntN(5)), Exploited: g.IntN(4) == 0,
	}
}

func TestAddingAPolicyNeverAllowsWhatWasNotAllowed(t *testing.T) {
	tightened := 0
	forAll(t, func(t *testing.T, g generator) {
		policies, e := append(g.policies(), g.policy("prod/first")), g.evidence()
		before := Judge(policies, e, Circumstances{})
		after := Judge(append(slices.Clone(policies), g.policy("prod/added")), e, Circumstances{})
		if before.Outcome != Trusted && after.Outcome == Trusted {
			t.Errorf("%s became %s", before.Outcome, after.Outcome)
		}
		if before.Outcome == Rejected && after.Outcome != Rejected {
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

func TestAddingAPlatformOrAFindingNeverHelps(t *testing.T) {
	rejected := 0
	forAll(t, func(t *testing.T, g generator) {
		policies, e := g.policies(), g.evidence()
		if len(e.Platforms) == 0 {
			return
		}
		worse := e
		worse.Platforms = slices.Clone(e.Platforms)
		if g.IntN(2) == 0 {
			worse.Platforms = append(worse.Platforms, g.platform(7))
		} else {
			first := &worse.Platforms[0]
			first.Findings.Value = append(slices.Clone(first.Findings.Value), g.finding())
		}
		before, after := Judge(policies, e, Circumstances{}), Judge(policies, worse, Circumstances{})
		if before.Outcome != Trusted && after.Outcome == Trusted || before.Outcome == Rejected && after.Outcome != Rejected {
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

// What is no longer known may leave a verdict open. It trusts nothing.
func TestKnowingLessNeverHelps(t *testing.T) {
	opened := 0
	forAll(t, func(t *testing.T, g generator) {
		policies, e := g.policies(), g.evidence()
		less := e
		less.Platforms = slices.Clone(e.Platforms)
		for i := range less.Platforms {
			if g.IntN(2) == 0 {
				less.Platforms[i].Findings = evidence.Fact[[]evidence.Finding]{}
			}
		}
		less.Signatures = map[string]evidence.Fact[evidence.Signature]{"1": e.Signatures["1"]}
		if g.IntN(2) == 0 {
			less.KEV = evidence.Fact[evidence.Feed]{}
		}
		before, after := Judge(policies, e, Circumstances{}), Judge(policies, less, Circumstances{})
		if before.Outcome != Trusted && after.Outcome == Trusted {
			t.Errorf("%s became %s", before.Outcome, after.Outcome)
		}
		if before.Outcome == Trusted && after.Outcome == Rejected {
			t.Error("what is not known rejects")
		}
		if before.Outcome == Trusted && after.Outcome == Undetermined {
			opened++
		}
	})
	if opened == 0 {
		t.Error("no verdict was ever left open: the property says nothing")
	}
}

func TestOrderDoesNotMatter(t *testing.T) {
	forAll(t, func(t *testing.T, g generator) {
		policies, e := g.policies(), g.evidence()
		shuffledPolicies, shuffledEvidence := g.shuffle(policies, e)
		if diff := cmp.Diff(Judge(policies, e, Circumstances{}), Judge(shuffledPolicies, shuffledEvidence, Circumstances{})); diff != "" {
			t.Errorf("verdict (-one order +another):\n%s", diff)
		}
		if Hash(policies) != Hash(shuffledPolicies) {
			t.Error("the hash depends on the order")
		}
		if diff := cmp.Diff(Worst(e), Worst(shuffledEvidence)); diff != "" {
			t.Errorf("worst findings (-one order +another):\n%s", diff)
		}
		if diff := cmp.Diff(Count(e, Judge(policies, e, Circumstances{})), Count(shuffledEvidence, Judge(shuffledPolicies, shuffledEvidence, Circumstances{}))); diff != "" {
			t.Errorf("counts (-one order +another):\n%s", diff)
		}
	})
}

func (g generator) shuffle(policies []Policy, e evidence.Evidence) ([]Policy, evidence.Evidence) {
	shuffled := make([]Policy, 0, len(policies))
	for _, p := range policies {
		p = deep(p)
		if p.Spec.Vulnerabilities != nil {
			shuffle(g, p.Spec.Vulnerabilities.Block)
		}
		shuffle(g, p.Spec.Signatures)
		for i := range p.Spec.Signatures {
			shuffle(g, p.Spec.Signatures[i].AnyOf)
		}
		shuffled = append(shuffled, p)
	}
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
