// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/policy/authority"
	"github.com/assay-dev/assay/internal/predicate"
)

// everyField returns a policy in which every field is set.
func everyField() Policy {
	p, age := firstFields(), v1alpha1.Duration("48h")
	rules := p.Spec.Vulnerabilities
	rules.Block[0].MinEPSS = "0.1"
	rules.Block[1].GracePeriod = &v1alpha1.GracePeriod{Duration: "1h", From: v1alpha1.GraceFromFixSeen}
	rules.NotWorseThanCurrent, rules.MaxScanAge = true, &age
	rules.EndOfLife, rules.Unidentified = v1alpha1.ToleranceDeny, v1alpha1.ToleranceDeny
	rules.Exceptions = []v1alpha1.VulnerabilityException{
		{ID: "CVE-1", Package: "pkg:deb/debian/a", Images: []v1alpha1.ImagePattern{"b", "a"}, Digests: []v1alpha1.DigestString{"sha256:2", "sha256:1"},
			Reason: "r", ExpiresAt: "2027-01-31T00:00:00Z", ExpireOnFix: true, Owner: "o", Ticket: "t"},
		{ID: "CVE-1", Package: "pkg:deb/debian/b", Reason: "r", ExpiresAt: "2027-01-31T00:00:00Z"},
	}
	rules.VEX = []v1alpha1.VEXSource{
		{Name: "vendor", ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: "vex", Key: "a.json"}},
		{Name: "ours", AttestedBy: []v1alpha1.RuleName{"release", "ci"}},
	}
	p.VEX = map[v1alpha1.RuleName]evidence.Fact[[]evidence.VEXStatement]{"vendor": evidence.Checked([]evidence.VEXStatement{
		{IDs: []string{"CVE-1", "CVE-2"}, Status: evidence.VEXFixed, Product: "pkg:deb/debian/a", Subcomponents: []string{"pkg:deb/debian/b"}, Timestamp: yesterday,
			Justification: "j", Author: "a", Document: "d"},
		notAffected,
	})}
	rules.DelegateExceptions = &v1alpha1.ExceptionDelegation{
		Namespaces: []v1alpha1.NamespacePattern{"b", "a"}, MaxSeverity: v1alpha1.SeverityHigh, MaxDuration: "720h",
	}
	p.Spec.SBOM = &v1alpha1.SBOMRules{Deny: []v1alpha1.SBOMDenyRule{
		{Name: "b", Packages: []v1alpha1.PackagePattern{"pkg:npm/b", "pkg:npm/a"}},
		{Name: "a", Licenses: []v1alpha1.LicensePattern{"b", "a"}},
	}}
	p.Spec.Image.Secrets = v1alpha1.SecretsDeny
	p.Spec.Attestations = []v1alpha1.AttestationRule{
		{Name: "built", PredicateType: predicate.ProvenanceV1, SignedBy: []v1alpha1.RuleName{"release", "ci"}, Rule: "true", SLSA: &v1alpha1.ProvenanceRules{
			Builders: []v1alpha1.AttestedPattern{"b", "*"}, Sources: []v1alpha1.AttestedPattern{"b", "*"}, Refs: []v1alpha1.AttestedPattern{"b", "*"},
			BuildTypes: []v1alpha1.AttestedPattern{"b", "*"}, MinLevel: 1,
		}},
		{Name: "scanned", PredicateType: predicate.ScanV1, SignedBy: []v1alpha1.RuleName{"ci"}, Scan: &v1alpha1.ScanAttestationRules{MaxAge: "24h"}},
		{Name: "tested", PredicateType: predicate.TestResultV01, SignedBy: []v1alpha1.RuleName{"ci"}, TestResult: &v1alpha1.TestResultRules{Tests: []v1alpha1.AttestedPattern{"b", "*"}}},
		{Name: "verified", PredicateType: predicate.SummaryV1, SignedBy: []v1alpha1.RuleName{"ci"}, VSA: &v1alpha1.SummaryRules{
			Verifiers: []v1alpha1.AttestedPattern{"b", "*"}, Resources: []v1alpha1.AttestedPattern{"b", "*"}, MinLevel: 1,
		}},
	}
	p.Spec.Layouts = []v1alpha1.LayoutRule{{Name: "chain"}, {Name: "another"}}
	p.Layouts = map[v1alpha1.RuleName]evidence.Fact[string]{"chain": evidence.Checked("l1"), "another": evidence.Checked("l2")}
	return p
}

// firstFields returns a policy with the fields of the first version.
func firstFields() Policy {
	return Policy{
		Name:       "production",
		Namespaces: []v1alpha1.NamespacePattern{"prod", "*-prod"},
		Spec: v1alpha1.PolicySpec{
			Images: []v1alpha1.ImagePattern{"registry.example.com/shop/**"},
			Vulnerabilities: &v1alpha1.VulnerabilityRules{Block: []v1alpha1.BlockRule{
				{Name: "exploited", Exploited: v1alpha1.ExploitedKnown},
				{Name: "fixable", MinSeverity: v1alpha1.SeverityCritical, Fix: v1alpha1.FixAvailable},
			}},
			Authorities: []v1alpha1.Authority{{Name: "ci"}, {Name: "release"}, {Name: "unused"}},
			Signatures: []v1alpha1.SignatureRule{
				{Name: "built", AnyOf: []v1alpha1.RuleName{"ci"}},
				{Name: "released", AnyOf: []v1alpha1.RuleName{"ci", "release"}, Threshold: 2},
			},
			Image:     &v1alpha1.ImageRules{User: v1alpha1.UserNonRoot},
			Promotion: &v1alpha1.PromotionRules{From: &v1alpha1.PromotionFrom{Namespaces: []v1alpha1.NamespacePattern{"staging", "*-staging"}}},
			Admission: &v1alpha1.AdmissionRules{Mode: v1alpha1.AdmissionEnforce},
		},
		Authorities: map[v1alpha1.RuleName]believed{"ci": believedKey("11"), "release": believedKey("22"), "unused": believedKey("33")},
	}
}

// deep copies everything of the policy that a test may change.
func deep(p Policy) Policy {
	p.Spec = *p.Spec.DeepCopy()
	p.Namespaces = slices.Clone(p.Namespaces)
	p.Authorities, p.Layouts = maps.Clone(p.Authorities), maps.Clone(p.Layouts)
	documents := map[v1alpha1.RuleName]evidence.Fact[[]evidence.VEXStatement]{}
	for name, document := range p.VEX {
		document.Value = slices.Clone(document.Value)
		documents[name] = document
	}
	p.VEX = documents
	return p
}

func TestHashDoesNotDependOn(t *testing.T) {
	for name, change := range map[string]func(*Policy){
		"admission.mode":                       func(p *Policy) { p.Spec.Admission.Mode = v1alpha1.AdmissionAudit },
		"a missing admission":                  func(p *Policy) { p.Spec.Admission = nil },
		"images":                               func(p *Policy) { p.Spec.Images = nil },
		"namespaces":                           func(p *Policy) { p.Namespaces = nil },
		"the order of block":                   func(p *Policy) { slices.Reverse(p.Spec.Vulnerabilities.Block) },
		"the order of signatures":              func(p *Policy) { slices.Reverse(p.Spec.Signatures) },
		"the order of anyOf":                   func(p *Policy) { slices.Reverse(p.Spec.Signatures[1].AnyOf) },
		"the order of authorities":             func(p *Policy) { slices.Reverse(p.Spec.Authorities) },
		"the order of promotion.from":          func(p *Policy) { slices.Reverse(p.Spec.Promotion.From.Namespaces) },
		"a default that is written out":        func(p *Policy) { p.Spec.Signatures[0].Threshold = 1 },
		"an authority that no rule counts":     func(p *Policy) { p.Authorities["unused"] = believedKey("44") },
		"the order of attestations":            func(p *Policy) { slices.Reverse(p.Spec.Attestations) },
		"the order of signedBy":                func(p *Policy) { slices.Reverse(p.Spec.Attestations[0].SignedBy) },
		"the order of builders":                func(p *Policy) { slices.Reverse(p.Spec.Attestations[0].SLSA.Builders) },
		"the order of sources":                 func(p *Policy) { slices.Reverse(p.Spec.Attestations[0].SLSA.Sources) },
		"the order of refs":                    func(p *Policy) { slices.Reverse(p.Spec.Attestations[0].SLSA.Refs) },
		"the order of build types":             func(p *Policy) { slices.Reverse(p.Spec.Attestations[0].SLSA.BuildTypes) },
		"the order of tests":                   func(p *Policy) { slices.Reverse(p.Spec.Attestations[2].TestResult.Tests) },
		"the order of verifiers":               func(p *Policy) { slices.Reverse(p.Spec.Attestations[3].VSA.Verifiers) },
		"the order of resources":               func(p *Policy) { slices.Reverse(p.Spec.Attestations[3].VSA.Resources) },
		"the order of layouts":                 func(p *Policy) { slices.Reverse(p.Spec.Layouts) },
		"where a layout and its keys stand":    func(p *Policy) { p.Spec.Layouts[0].Keys = []v1alpha1.TextSource{{Inline: "PEM"}} },
		"where the key of an authority stands": func(p *Policy) { p.Spec.Authorities[0].Key = &v1alpha1.KeySource{Inline: "PEM"} },
		"the reason of an exception":           func(p *Policy) { p.Spec.Vulnerabilities.Exceptions[0].Reason = "other" },
		"the owner of an exception":            func(p *Policy) { p.Spec.Vulnerabilities.Exceptions[0].Owner = "other" },
		"the ticket of an exception":           func(p *Policy) { p.Spec.Vulnerabilities.Exceptions[0].Ticket = "other" },
		"the order of exceptions":              func(p *Policy) { slices.Reverse(p.Spec.Vulnerabilities.Exceptions) },
		"the order of an exception's images":   func(p *Policy) { slices.Reverse(p.Spec.Vulnerabilities.Exceptions[0].Images) },
		"the order of an exception's digests":  func(p *Policy) { slices.Reverse(p.Spec.Vulnerabilities.Exceptions[0].Digests) },
		"the order of delegateExceptions":      func(p *Policy) { slices.Reverse(p.Spec.Vulnerabilities.DelegateExceptions.Namespaces) },
		"the order of vex":                     func(p *Policy) { slices.Reverse(p.Spec.Vulnerabilities.VEX) },
		"the order of attestedBy":              func(p *Policy) { slices.Reverse(p.Spec.Vulnerabilities.VEX[1].AttestedBy) },
		"where a VEX document stands":          func(p *Policy) { p.Spec.Vulnerabilities.VEX[0].ConfigMapKeyRef.Name = "other" },
		"the order of a document's statements": func(p *Policy) { slices.Reverse(p.VEX["vendor"].Value) },
		"the order of a statement's ids":       func(p *Policy) { p.VEX["vendor"].Value[0].IDs = []string{"CVE-2", "CVE-1"} },
		"the author of a statement":            func(p *Policy) { p.VEX["vendor"].Value[0].Author = "other" },
		"the justification of a statement":     func(p *Policy) { p.VEX["vendor"].Value[0].Justification = "other" },
		"the name of a document":               func(p *Policy) { p.VEX["vendor"].Value[0].Document = "other" },
		"the time zone of a statement":         func(p *Policy) { p.VEX["vendor"].Value[0].Timestamp = yesterday.In(time.FixedZone("x", 3600)) },
		"the order of sbom.deny":               func(p *Policy) { slices.Reverse(p.Spec.SBOM.Deny) },
		"the order of denied packages":         func(p *Policy) { slices.Reverse(p.Spec.SBOM.Deny[0].Packages) },
		"the order of denied licences":         func(p *Policy) { slices.Reverse(p.Spec.SBOM.Deny[1].Licenses) },
		"why a key cannot be used when it can": func(p *Policy) {
			ci := p.Authorities["ci"]
			ci.Message = "words"
			p.Authorities["ci"] = ci
		},
	} {
		t.Run(name, func(t *testing.T) {
			changed := deep(everyField())
			change(&changed)
			if Hash([]Policy{changed}) != Hash([]Policy{everyField()}) {
				t.Error("the hash changed")
			}
		})
	}
}

func TestHashDependsOn(t *testing.T) {
	seen := map[string]string{Hash([]Policy{everyField()}).String(): "the policy itself"}
	for name, change := range map[string]func(*Policy){
		"the policy's name":         func(p *Policy) { p.Name = "other" },
		"a block rule's name":       func(p *Policy) { p.Spec.Vulnerabilities.Block[0].Name = "kev" },
		"a block rule less":         func(p *Policy) { p.Spec.Vulnerabilities.Block = p.Spec.Vulnerabilities.Block[1:] },
		"minSeverity":               func(p *Policy) { p.Spec.Vulnerabilities.Block[1].MinSeverity = v1alpha1.SeverityHigh },
		"fix":                       func(p *Policy) { p.Spec.Vulnerabilities.Block[1].Fix = "" },
		"exploited":                 func(p *Policy) { p.Spec.Vulnerabilities.Block[1].Exploited = v1alpha1.ExploitedKnown },
		"a signature rule less":     func(p *Policy) { p.Spec.Signatures = p.Spec.Signatures[1:] },
		"anyOf":                     func(p *Policy) { p.Spec.Signatures[1].AnyOf = p.Spec.Signatures[1].AnyOf[1:] },
		"threshold":                 func(p *Policy) { p.Spec.Signatures[1].Threshold = 1 },
		"the key of an authority":   func(p *Policy) { p.Authorities["ci"] = believedKey("99") },
		"a key that cannot be used": func(p *Policy) { p.Authorities["ci"] = evidence.Unchecked[authority.Authority]("InvalidKey", "words") },
		"who stands for an authority": func(p *Policy) {
			p.Authorities["ci"] = keyless(v1alpha1.Identity{Issuer: teamIssuer, Subject: teamSubject})
		},
		"what an identity must be": func(p *Policy) { p.Authorities["ci"] = keyless(v1alpha1.Identity{Issuer: teamIssuer, Subject: "x"}) },
		"a chain":                  func(p *Policy) { p.Authorities["ci"] = chain(v1alpha1.CertificateAuthority{}) },
		"the window of a key": func(p *Policy) {
			p.Authorities["ci"] = evidence.Checked(authority.OfKey(ciAnchor, ciPrint, v1alpha1.KeySource{NotAfter: new(v1alpha1.NewTimestamp(now))}))
		},
		"an attestation less":   func(p *Policy) { p.Spec.Attestations = p.Spec.Attestations[1:] },
		"an attestation's name": func(p *Policy) { p.Spec.Attestations[0].Name = "other" },
		"predicateType":         func(p *Policy) { p.Spec.Attestations[0].PredicateType = predicate.ProvenanceV02 },
		"signedBy":              func(p *Policy) { p.Spec.Attestations[0].SignedBy = []v1alpha1.RuleName{"ci"} },
		"rule":                  func(p *Policy) { p.Spec.Attestations[0].Rule = "false" },
		"slsa":                  func(p *Policy) { p.Spec.Attestations[0].SLSA = nil },
		"builders":              func(p *Policy) { p.Spec.Attestations[0].SLSA.Builders = nil },
		"sources":               func(p *Policy) { p.Spec.Attestations[0].SLSA.Sources = nil },
		"refs":                  func(p *Policy) { p.Spec.Attestations[0].SLSA.Refs = nil },
		"buildTypes":            func(p *Policy) { p.Spec.Attestations[0].SLSA.BuildTypes = nil },
		"slsa.minLevel":         func(p *Policy) { p.Spec.Attestations[0].SLSA.MinLevel = 2 },
		"scan.maxAge":           func(p *Policy) { p.Spec.Attestations[1].Scan.MaxAge = "25h" },
		"tests":                 func(p *Policy) { p.Spec.Attestations[2].TestResult.Tests[0] = "c" },
		"verifiers":             func(p *Policy) { p.Spec.Attestations[3].VSA.Verifiers[0] = "c" },
		"resources":             func(p *Policy) { p.Spec.Attestations[3].VSA.Resources = nil },
		"vsa.minLevel":          func(p *Policy) { p.Spec.Attestations[3].VSA.MinLevel = 2 },
		"a layout less":         func(p *Policy) { p.Spec.Layouts = p.Spec.Layouts[1:] },
		"a layout":              func(p *Policy) { p.Layouts["chain"] = evidence.Checked("l3") },
		"a layout that cannot be used": func(p *Policy) {
			p.Layouts["chain"] = evidence.Unchecked[string](v1alpha1.ReasonInvalidLayout, "words")
		},
		"image.user":                 func(p *Policy) { p.Spec.Image.User = "" },
		"minEPSS":                    func(p *Policy) { p.Spec.Vulnerabilities.Block[0].MinEPSS = "0.2" },
		"gracePeriod":                func(p *Policy) { p.Spec.Vulnerabilities.Block[1].GracePeriod = nil },
		"gracePeriod.duration":       func(p *Policy) { p.Spec.Vulnerabilities.Block[1].GracePeriod.Duration = "2h" },
		"gracePeriod.from":           func(p *Policy) { p.Spec.Vulnerabilities.Block[1].GracePeriod.From = v1alpha1.GraceFromPublished },
		"notWorseThanCurrent":        func(p *Policy) { p.Spec.Vulnerabilities.NotWorseThanCurrent = false },
		"maxScanAge":                 func(p *Policy) { *p.Spec.Vulnerabilities.MaxScanAge = "24h" },
		"no maxScanAge":              func(p *Policy) { p.Spec.Vulnerabilities.MaxScanAge = nil },
		"endOfLife":                  func(p *Policy) { p.Spec.Vulnerabilities.EndOfLife = v1alpha1.ToleranceAllow },
		"unidentified":               func(p *Policy) { p.Spec.Vulnerabilities.Unidentified = "" },
		"an exception less":          func(p *Policy) { p.Spec.Vulnerabilities.Exceptions = p.Spec.Vulnerabilities.Exceptions[:1] },
		"the id of an exception":     func(p *Policy) { p.Spec.Vulnerabilities.Exceptions[0].ID = "CVE-2" },
		"an exception's package":     func(p *Policy) { p.Spec.Vulnerabilities.Exceptions[0].Package = "pkg:deb/debian/c" },
		"an exception's images":      func(p *Policy) { p.Spec.Vulnerabilities.Exceptions[0].Images = nil },
		"an exception's digests":     func(p *Policy) { p.Spec.Vulnerabilities.Exceptions[0].Digests = nil },
		"expiresAt":                  func(p *Policy) { p.Spec.Vulnerabilities.Exceptions[0].ExpiresAt = "2027-02-01T00:00:00Z" },
		"expireOnFix":                func(p *Policy) { p.Spec.Vulnerabilities.Exceptions[0].ExpireOnFix = false },
		"a VEX source less":          func(p *Policy) { p.Spec.Vulnerabilities.VEX = p.Spec.Vulnerabilities.VEX[:1] },
		"attestedBy":                 func(p *Policy) { p.Spec.Vulnerabilities.VEX[1].AttestedBy = []v1alpha1.RuleName{"ci"} },
		"a document that is gone":    func(p *Policy) { delete(p.VEX, "vendor") },
		"a statement less":           func(p *Policy) { p.VEX["vendor"] = evidence.Checked(p.VEX["vendor"].Value[:1]) },
		"the ids of a statement":     func(p *Policy) { p.VEX["vendor"].Value[0].IDs = []string{"CVE-1"} },
		"the status of a statement":  func(p *Policy) { p.VEX["vendor"].Value[0].Status = evidence.VEXAffected },
		"the product of a statement": func(p *Policy) { p.VEX["vendor"].Value[0].Product = "pkg:deb/debian/c" },
		"subcomponents":              func(p *Policy) { p.VEX["vendor"].Value[0].Subcomponents = nil },
		"an id that is a part": func(p *Policy) {
			p.VEX["vendor"].Value[0].IDs, p.VEX["vendor"].Value[0].Subcomponents = []string{"CVE-1"}, []string{"CVE-2", "pkg:deb/debian/b"}
		},
		"the time of a statement":    func(p *Policy) { p.VEX["vendor"].Value[0].Timestamp = now },
		"no delegation":              func(p *Policy) { p.Spec.Vulnerabilities.DelegateExceptions = nil },
		"delegated namespaces":       func(p *Policy) { p.Spec.Vulnerabilities.DelegateExceptions.Namespaces[0] = "c" },
		"maxSeverity":                func(p *Policy) { p.Spec.Vulnerabilities.DelegateExceptions.MaxSeverity = v1alpha1.SeverityLow },
		"maxDuration":                func(p *Policy) { p.Spec.Vulnerabilities.DelegateExceptions.MaxDuration = "24h" },
		"a denial less":              func(p *Policy) { p.Spec.SBOM.Deny = p.Spec.SBOM.Deny[:1] },
		"denied packages":            func(p *Policy) { p.Spec.SBOM.Deny[0].Packages[0] = "pkg:npm/c" },
		"denied licences":            func(p *Policy) { p.Spec.SBOM.Deny[1].Licenses[0] = "c" },
		"image.secrets":              func(p *Policy) { p.Spec.Image.Secrets = "" },
		"promotion.from":             func(p *Policy) { p.Spec.Promotion.From.Namespaces[0] = "qa" },
		"promotion.from that is not": func(p *Policy) { p.Spec.Promotion.From = nil },
	} {
		t.Run(name, func(t *testing.T) {
			changed := deep(everyField())
			change(&changed)
			hash := Hash([]Policy{changed}).String()
			if other, found := seen[hash]; found {
				t.Errorf("the same hash as with a change of %s", other)
			}
			seen[hash] = name
		})
	}
}

func TestHashOfSeveralPolicies(t *testing.T) {
	a, b := everyField(), everyField()
	b.Name = "prod/strict"
	if Hash([]Policy{a, b}) != Hash([]Policy{b, a}) {
		t.Error("the hash depends on the order of policies")
	}
	if Hash([]Policy{a, b}) == Hash([]Policy{a}) || Hash(nil) == Hash([]Policy{a}) {
		t.Error("the hash does not depend on how many policies there are")
	}
}

// The hash stands in statuses and seals; another hash of the same rules has every image judged and sealed anew.
func TestHashIsStable(t *testing.T) {
	for name, test := range map[string]struct {
		policy Policy
		want   string
	}{
		"the fields of the first version": {firstFields(), "sha256:759d917bd58ab4d68b599c8200b8b46cf38769e76d7e8baad0bfc76f212dc0a7"},
		"every field":                     {everyField(), "sha256:54cc0e6af5605e16777574a97da43f8a35da1db01b6f76bcf61f96a9eb7d36bd"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Hash([]Policy{test.policy}).String(); got != test.want {
				t.Errorf("got %s, want %s: another form needs another hashFormat", got, test.want)
			}
		})
	}
}
