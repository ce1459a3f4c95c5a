// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// judged is what a row judges.
type judged struct {
	policies      []Policy
	evidence      evidence.Evidence
	circumstances Circumstances
}

func (j judged) verdict() Verdict {
	if j.circumstances.Now.IsZero() {
		j.circumstances.Now = now
	}
	return Judge(j.policies, j.evidence, j.circumstances)
}

// low blocks everything that somebody rated.
var low = v1alpha1.BlockRule{MinSeverity: v1alpha1.SeverityLow}

// excusing returns a policy that blocks everything, with an exception for openssl.
func excusing(change func(*v1alpha1.VulnerabilityException)) Policy {
	p := blocking(low)
	e := v1alpha1.VulnerabilityException{
		ID: "CVE-2024-1", Package: "pkg:deb/debian/openssl", Reason: "no TLS server", Owner: "shop", ExpiresAt: "2027-01-31T00:00:00Z",
	}
	if change != nil {
		change(&e)
	}
	p.Spec.Vulnerabilities.Exceptions = []v1alpha1.VulnerabilityException{e}
	return p
}

// delegating returns a cluster-wide policy that blocks everything and lets exceptions of namespace prod excuse.
func delegating() Policy {
	p := blocking(low)
	p.Name, p.Namespace, p.Namespaces = "everywhere", "", []v1alpha1.NamespacePattern{"*"}
	p.Spec.Vulnerabilities.DelegateExceptions = &v1alpha1.ExceptionDelegation{
		Namespaces: []v1alpha1.NamespacePattern{"pro*"}, MaxSeverity: v1alpha1.SeverityCritical, MaxDuration: "8760h",
	}
	return p
}

// excusesOnly returns a namespaced policy that demands nothing and excuses openssl.
func excusesOnly() Policy {
	p := excusing(nil)
	p.Spec.Vulnerabilities.Block = nil
	return p
}

// notAffected is a statement that openssl does no harm.
var notAffected = evidence.VEXStatement{
	IDs: []string{"CVE-2024-1"}, Status: evidence.VEXNotAffected, Product: "pkg:deb/debian/openssl", Justification: "vulnerable_code_not_present",
	Author: "Example Vendor", Document: "vex-1", Timestamp: yesterday,
}

// stating returns a policy that blocks everything, with a VEX document in a ConfigMap.
func stating(statements ...evidence.VEXStatement) Policy {
	p := blocking(low)
	p.Spec.Vulnerabilities.VEX = []v1alpha1.VEXSource{{Name: "vendor", ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: "vex", Key: "vendor.json"}}}
	p.VEX = map[v1alpha1.RuleName]evidence.Fact[[]evidence.VEXStatement]{"vendor": evidence.Checked(statements)}
	return p
}

// attesting returns a policy that blocks everything, with VEX documents that ci attests.
func attesting() Policy {
	p := blocking(low)
	p.Spec.Vulnerabilities.VEX = []v1alpha1.VEXSource{{Name: "ours", AttestedBy: []v1alpha1.RuleName{"ci"}}}
	p.Authorities = authorities()
	return p
}

// attested returns evidence with statements that ci attested.
func attested(e evidence.Evidence, statements ...evidence.VEXStatement) evidence.Evidence {
	e.VEX = []evidence.VEXDocument{documentBy(ciAnchor, byKey(ciPrint), evidence.Checked(statements))}
	return e
}

// documentBy is a document that the signer attested.
func documentBy(anchor string, signer evidence.Signer, statements evidence.Fact[[]evidence.VEXStatement]) evidence.VEXDocument {
	return evidence.VEXDocument{Anchor: anchor, Signer: signer, Statements: statements}
}

// packed returns evidence with packages.
func packed(packages ...evidence.Package) evidence.Evidence {
	e := clean()
	e.Platforms[0].Packages = evidence.Checked(packages)
	return e
}

func denying(rule v1alpha1.SBOMDenyRule) Policy {
	rule.Name = "rule"
	return Policy{Name: "prod/strict", Namespace: "prod", Spec: v1alpha1.PolicySpec{SBOM: &v1alpha1.SBOMRules{Deny: []v1alpha1.SBOMDenyRule{rule}}}}
}

var lodash = evidence.Package{PURL: "pkg:npm/lodash@4.17.20", Name: "lodash", Version: "4.17.20", Licenses: []string{"MIT OR AGPL-3.0-only"}}

// flip changes one field of the first policy, and that alone flips the verdict: the image is trusted before.
type flip struct {
	before judged
	change func(*v1alpha1.PolicySpec)
	after  Outcome
}

// flips has a row for every field of which a verdict depends, by its path and what it changes to where it has several.
func flips() map[string]flip {
	graceFrom := func(from, to v1alpha1.GraceStart, published, firstSeen, fixSeen time.Time) flip {
		return flip{
			judged{[]Policy{sparing("25h", from)}, clean(dated(openssl, published, firstSeen, fixSeen)), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.Block[0].GracePeriod.From = to }, Rejected,
		}
	}
	exploited := func(from, to v1alpha1.ExploitedRequirement, e evidence.Evidence, after Outcome) flip {
		return flip{
			judged{[]Policy{blocking(v1alpha1.BlockRule{MinSeverity: v1alpha1.SeverityMedium, Exploited: from})}, e, Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.Block[0].Exploited = to }, after,
		}
	}
	withoutCatalogue := with(clean(unrated), func(e *evidence.Evidence) { e.KEV = evidence.Fact[evidence.Feed]{} })
	tooOld := yesterday.Add(-24 * time.Hour)
	replacing := func(e evidence.Evidence) Circumstances { return Circumstances{Replaces: &e} }
	sourced := Policy{Name: "a", Spec: v1alpha1.PolicySpec{Vulnerabilities: &v1alpha1.VulnerabilityRules{}}}
	rows := map[string]flip{
		"vulnerabilities.block": {
			judged{[]Policy{sourced}, clean(openssl), Circumstances{}},
			func(s *v1alpha1.PolicySpec) {
				s.Vulnerabilities.Block = []v1alpha1.BlockRule{{Name: "a", MinSeverity: v1alpha1.SeverityLow}}
			}, Rejected,
		},
		"vulnerabilities.block[].minSeverity": {
			judged{[]Policy{blocking(v1alpha1.BlockRule{MinSeverity: v1alpha1.SeverityCritical})}, clean(zlib), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.Block[0].MinSeverity = v1alpha1.SeverityHigh }, Rejected,
		},
		"vulnerabilities.block[].minEPSS": {
			judged{[]Policy{blocking(v1alpha1.BlockRule{MinEPSS: "0.51"})}, clean(openssl), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.Block[0].MinEPSS = "0.5" }, Rejected,
		},
		"vulnerabilities.block[].fix": {
			judged{[]Policy{blocking(v1alpha1.BlockRule{MinSeverity: v1alpha1.SeverityHigh, Fix: v1alpha1.FixAvailable})}, clean(zlib), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.Block[0].Fix = "" }, Rejected,
		},
		"vulnerabilities.block[].exploited: Ransomware to Known": exploited(v1alpha1.ExploitedRansomware, v1alpha1.ExploitedKnown, clean(listed), Rejected),
		"vulnerabilities.block[].exploited: Ransomware to none":  exploited(v1alpha1.ExploitedRansomware, "", clean(zlib), Rejected),
		"vulnerabilities.block[].exploited: Known to none":       exploited(v1alpha1.ExploitedKnown, "", clean(zlib), Rejected),
		"vulnerabilities.block[].exploited: none to Known":       exploited("", v1alpha1.ExploitedKnown, withoutCatalogue, Undetermined),
		"vulnerabilities.block[].exploited: none to Ransomware":  exploited("", v1alpha1.ExploitedRansomware, withoutCatalogue, Undetermined),
		"vulnerabilities.block[].gracePeriod": {
			judged{[]Policy{sparing("25h", v1alpha1.GraceFromFirstSeen)}, clean(openssl), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.Block[0].GracePeriod = nil }, Rejected,
		},
		"vulnerabilities.block[].gracePeriod.duration": {
			judged{[]Policy{sparing("25h", v1alpha1.GraceFromFirstSeen)}, clean(openssl), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.Block[0].GracePeriod.Duration = "23h" }, Rejected,
		},
		"vulnerabilities.block[].gracePeriod.from: FirstSeen to Published": graceFrom(v1alpha1.GraceFromFirstSeen, v1alpha1.GraceFromPublished, tooOld, yesterday, yesterday),
		"vulnerabilities.block[].gracePeriod.from: FixSeen to Published":   graceFrom(v1alpha1.GraceFromFixSeen, v1alpha1.GraceFromPublished, tooOld, yesterday, yesterday),
		"vulnerabilities.block[].gracePeriod.from: FirstSeen to FixSeen":   graceFrom(v1alpha1.GraceFromFirstSeen, v1alpha1.GraceFromFixSeen, yesterday, yesterday, tooOld),
		"vulnerabilities.block[].gracePeriod.from: Published to FixSeen":   graceFrom(v1alpha1.GraceFromPublished, v1alpha1.GraceFromFixSeen, yesterday, yesterday, tooOld),
		"vulnerabilities.block[].gracePeriod.from: FixSeen to FirstSeen":   graceFrom(v1alpha1.GraceFromFixSeen, v1alpha1.GraceFromFirstSeen, yesterday, tooOld, yesterday),
		"vulnerabilities.block[].gracePeriod.from: Published to FirstSeen": graceFrom(v1alpha1.GraceFromPublished, v1alpha1.GraceFromFirstSeen, yesterday, tooOld, yesterday),
		"vulnerabilities.notWorseThanCurrent": {
			judged{[]Policy{notWorse()}, clean(openssl), replacing(clean(openssl))},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.NotWorseThanCurrent = false }, Rejected,
		},
		"vulnerabilities.maxScanAge": {
			judged{[]Policy{young("25h")}, clean(), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { *s.Vulnerabilities.MaxScanAge = "24h" }, Undetermined,
		},
		"vulnerabilities.endOfLife": {
			judged{[]Policy{sourced}, with(clean(), func(e *evidence.Evidence) { e.Platforms[0].Distribution.Value.EndOfLife = true }), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.EndOfLife = v1alpha1.ToleranceDeny }, Rejected,
		},
		"vulnerabilities.unidentified": {
			judged{[]Policy{sourced}, with(clean(), func(e *evidence.Evidence) { e.Platforms[0].Inventory.Value.Unidentified = []string{"app/a.jar"} }), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.Unidentified = v1alpha1.ToleranceDeny }, Rejected,
		},
		"vulnerabilities.exceptions": {
			judged{[]Policy{excusing(nil)}, clean(openssl), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.Exceptions = nil }, Rejected,
		},
		"vulnerabilities.exceptions[].id": {
			judged{[]Policy{excusing(nil)}, clean(openssl), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.Exceptions[0].ID = "CVE-2024-2" }, Rejected,
		},
		"vulnerabilities.exceptions[].package": {
			judged{[]Policy{excusing(nil)}, clean(openssl), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.Exceptions[0].Package = "pkg:deb/debian/libssl3" }, Rejected,
		},
		"vulnerabilities.exceptions[].images": {
			judged{[]Policy{excusing(nil)}, clean(openssl), Circumstances{}},
			func(s *v1alpha1.PolicySpec) {
				s.Vulnerabilities.Exceptions[0].Images = []v1alpha1.ImagePattern{"registry.example.com/shop/payment"}
			}, Rejected,
		},
		"vulnerabilities.exceptions[].digests": {
			judged{[]Policy{excusing(nil)}, clean(openssl), Circumstances{}},
			func(s *v1alpha1.PolicySpec) {
				s.Vulnerabilities.Exceptions[0].Digests = []v1alpha1.DigestString{v1alpha1.DigestString(image.DigestOf([]byte("other")).String())}
			}, Rejected,
		},
		"vulnerabilities.exceptions[].expiresAt": {
			judged{[]Policy{excusing(nil)}, clean(openssl), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.Exceptions[0].ExpiresAt = v1alpha1.NewTimestamp(now) }, Rejected,
		},
		"vulnerabilities.exceptions[].expireOnFix": {
			judged{[]Policy{excusing(nil)}, clean(openssl), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.Exceptions[0].ExpireOnFix = true }, Rejected,
		},
		"vulnerabilities.vex": {
			judged{[]Policy{stating(notAffected)}, clean(openssl), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.VEX = nil }, Rejected,
		},
		"vulnerabilities.vex[].name": { // by which the ConfigMap's statements are found
			judged{[]Policy{stating(notAffected)}, clean(openssl), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.VEX[0].Name = "other" }, Undetermined,
		},
		"vulnerabilities.vex[].attestedBy": {
			judged{[]Policy{attesting()}, attested(clean(openssl), notAffected), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.VEX[0].AttestedBy = []v1alpha1.RuleName{"release"} }, Rejected,
		},
		"vulnerabilities.delegateExceptions": {
			judged{[]Policy{delegating(), excusesOnly()}, clean(openssl), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.DelegateExceptions = nil }, Rejected,
		},
		"vulnerabilities.delegateExceptions.namespaces": {
			judged{[]Policy{delegating(), excusesOnly()}, clean(openssl), Circumstances{}},
			func(s *v1alpha1.PolicySpec) {
				s.Vulnerabilities.DelegateExceptions.Namespaces = []v1alpha1.NamespacePattern{"dev"}
			}, Rejected,
		},
		"vulnerabilities.delegateExceptions.maxSeverity": {
			judged{[]Policy{delegating(), excusesOnly()}, clean(openssl), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.DelegateExceptions.MaxSeverity = v1alpha1.SeverityHigh }, Rejected,
		},
		"vulnerabilities.delegateExceptions.maxDuration": {
			judged{[]Policy{delegating(), excusesOnly()}, clean(openssl), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.DelegateExceptions.MaxDuration = "24h" }, Rejected,
		},
		"sbom.deny": {
			judged{[]Policy{{Name: "a", Spec: v1alpha1.PolicySpec{SBOM: &v1alpha1.SBOMRules{}}}}, packed(lodash), Circumstances{}},
			func(s *v1alpha1.PolicySpec) {
				s.SBOM.Deny = []v1alpha1.SBOMDenyRule{{Name: "a", Packages: []v1alpha1.PackagePattern{"pkg:npm/lodash"}}}
			}, Rejected,
		},
		"sbom.deny[].packages": {
			judged{[]Policy{denying(v1alpha1.SBOMDenyRule{Packages: []v1alpha1.PackagePattern{"pkg:npm/lodash@<4.17.20"}})}, packed(lodash), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.SBOM.Deny[0].Packages[0] = "pkg:npm/lodash@<4.17.21" }, Rejected,
		},
		"sbom.deny[].licenses": {
			judged{[]Policy{denying(v1alpha1.SBOMDenyRule{Licenses: []v1alpha1.LicensePattern{"AGPL-*"}})}, packed(lodash), Circumstances{}},
			func(s *v1alpha1.PolicySpec) {
				s.SBOM.Deny[0].Licenses = []v1alpha1.LicensePattern{"AGPL-*", "MIT"}
			}, Rejected,
		},
		"signatures": {
			judged{[]Policy{signed(1, "ci")}, clean(), Circumstances{}},
			func(s *v1alpha1.PolicySpec) {
				s.Signatures = append(s.Signatures, v1alpha1.SignatureRule{Name: "released", AnyOf: []v1alpha1.RuleName{"release"}})
			}, Rejected,
		},
		"signatures[].anyOf": {
			judged{[]Policy{signed(1, "ci", "release")}, clean(), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Signatures[0].AnyOf = []v1alpha1.RuleName{"release"} }, Rejected,
		},
		"signatures[].threshold": {
			judged{[]Policy{signed(1, "ci", "release")}, clean(), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Signatures[0].Threshold = 2 }, Rejected,
		},
		"image.user": {
			judged{[]Policy{{Name: "a", Spec: v1alpha1.PolicySpec{Image: &v1alpha1.ImageRules{}}}},
				with(clean(), func(e *evidence.Evidence) { e.Platforms[0].Config.User = "0" }), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Image.User = v1alpha1.UserNonRoot }, Rejected,
		},
		"image.secrets": {
			judged{[]Policy{{Name: "a", Spec: v1alpha1.PolicySpec{Image: &v1alpha1.ImageRules{}}}},
				with(clean(), func(e *evidence.Evidence) {
					e.Platforms[0].Secrets = evidence.Checked([]evidence.Secret{{Rule: "aws-access-key-id", Place: "etc/app.conf", Line: 3}})
				}), Circumstances{}},
			func(s *v1alpha1.PolicySpec) { s.Image.Secrets = v1alpha1.SecretsDeny }, Rejected,
		},
	}
	maps.Copy(rows, signerFlips())
	return rows
}

func TestEachFieldFlipsTheVerdict(t *testing.T) {
	for name, test := range flips() {
		t.Run(name, func(t *testing.T) {
			if before := test.before.verdict(); before.Outcome != Trusted {
				t.Fatalf("before: %s: %s", before.Outcome, before.Message())
			}
			after := test.before
			after.policies = append([]Policy{deep(test.before.policies[0])}, test.before.policies[1:]...)
			test.change(&after.policies[0].Spec)
			if got := after.verdict(); got.Outcome != test.after {
				t.Errorf("after: %s: %s", got.Outcome, got.Message())
			}
		})
	}
}

// TestEveryFieldFlipsAVerdict holds that no field is forgotten in the table. Those are left out of which no verdict depends by
// themselves, with the reason.
func TestEveryFieldFlipsAVerdict(t *testing.T) {
	const (
		holder = "holds the fields that do"
		names  = "names its entry"
		where  = "says where the policy holds, or what follows from a verdict"
		others = "is resolved by package keys, whose TestEachFieldFlipsTheVerdict has the row"
		people = "is for people"
	)
	without := map[string]string{
		"images": where, "promotion": where, "promotion.from": where, "promotion.from.namespaces": where, "admission": where, "admission.mode": where,
		"vulnerabilities": holder, "sbom": holder, "image": holder,
		"vulnerabilities.block[].name": names, "sbom.deny[].name": names, "signatures[].name": names, "attestations[].name": names,
		"vulnerabilities.vex[].configMapKeyRef": others, "vulnerabilities.vex[].configMapKeyRef.name": others, "vulnerabilities.vex[].configMapKeyRef.key": others,
		"vulnerabilities.exceptions[].reason": people, "vulnerabilities.exceptions[].owner": people, "vulnerabilities.exceptions[].ticket": people,
	}
	rows := map[string]struct{}{}
	for name := range flips() {
		path, _, _ := strings.Cut(name, ":")
		rows[path] = struct{}{}
	}
	for _, path := range fieldPaths("", reflect.TypeFor[v1alpha1.PolicySpec]()) {
		_, row := rows[path]
		if why, excused := without[path]; row == (excused || resolved(path)) {
			t.Errorf("%s: has a row: %t; has none since it %q", path, row, why)
		}
	}
}

// resolved says that a field is resolved by package keys, whose own test of this name holds that each has a row in the table there.
func resolved(path string) bool {
	return strings.HasPrefix(path, "authorities") || strings.HasPrefix(path, "layouts[].layout") || strings.HasPrefix(path, "layouts[].keys")
}

// fieldPaths returns the paths of all fields below a type.
func fieldPaths(path string, of reflect.Type) []string {
	switch of.Kind() {
	case reflect.Pointer:
		return fieldPaths(path, of.Elem())
	case reflect.Slice:
		return fieldPaths(path+"[]", of.Elem())
	case reflect.Struct:
	default:
		return nil
	}
	var all []string
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		below := strings.TrimPrefix(path+"."+name, ".")
		all = append(append(all, below), fieldPaths(below, of.Field(i).Type)...)
	}
	return all
}

// sparing returns a policy that blocks everything with a fix after a grace.
func sparing(duration v1alpha1.Duration, from v1alpha1.GraceStart) Policy {
	return blocking(v1alpha1.BlockRule{
		MinSeverity: v1alpha1.SeverityLow, Fix: v1alpha1.FixAvailable, GracePeriod: &v1alpha1.GracePeriod{Duration: duration, From: from},
	})
}

// dated returns the finding with its three dates.
func dated(f evidence.Finding, published, firstSeen, fixSeen time.Time) evidence.Finding {
	f.Published, f.FirstSeen, f.FixSeen = published, firstSeen, fixSeen
	return f
}

// notWorse returns a policy that blocks everything that is new.
func notWorse() Policy {
	p := blocking(low)
	p.Spec.Vulnerabilities.NotWorseThanCurrent = true
	return p
}

// young returns a policy that demands a database of at most the age.
func young(age v1alpha1.Duration) Policy {
	return Policy{Name: "prod/strict", Namespace: "prod", Spec: v1alpha1.PolicySpec{Vulnerabilities: &v1alpha1.VulnerabilityRules{MaxScanAge: &age}}}
}
