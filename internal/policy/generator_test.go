// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

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
	p := Policy{Name: name, Namespace: "prod", Authorities: map[v1alpha1.RuleName]believed{
		"a": g.authority(), "b": g.authority(), "c": g.authority(),
	}}
	if g.IntN(4) > 0 {
		p.Spec.Vulnerabilities = g.vulnerabilities()
		p.VEX = map[v1alpha1.RuleName]evidence.Fact[[]evidence.VEXStatement]{"map": g.statements()}
	}
	g.demands(&p)
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
		Image:    checkout,
		Database: feed(), KEV: feed(), EPSS: feed(),
	}
	for i := range g.IntN(3) {
		e.Platforms = append(e.Platforms, g.platform(i))
	}
	if g.IntN(2) == 0 {
		e.Image.Digest = image.DigestOf([]byte{0}) // an image that is no index
	}
	g.sign(&e)
	return e
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
