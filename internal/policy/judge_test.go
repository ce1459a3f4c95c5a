// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy/authority"
	"github.com/assay-dev/assay/internal/predicate"
)

var (
	openssl = evidence.Finding{
		ID: "CVE-2024-1", Aliases: []string{"DSA-1-1"}, Target: "debian 12.1", Package: "openssl", Version: "3.0.1", FixedVersion: "3.0.2",
		Severity: evidence.SeverityCritical, PURL: "pkg:deb/debian/openssl@3.0.1?arch=amd64&distro=debian-12.1",
		Published: yesterday, FirstSeen: yesterday, FixSeen: yesterday, EPSS: 0.5, Scored: true,
	}
	zlib = evidence.Finding{
		ID: "CVE-2023-45853", Target: "debian 12.1", Package: "zlib1g", Version: "1.2.13", Severity: evidence.SeverityHigh,
	}
	unrated = evidence.Finding{ID: "GO-2024-1", Target: "app", Package: "stdlib", Version: "v1.20.0", FixedVersion: "1.20.1"}
	listed  = evidence.Finding{
		ID: "CVE-2021-44228", Target: "Java", Package: "log4j-core", Version: "2.14.1", FixedVersion: "2.15.0",
		Severity: evidence.SeverityMedium, Exploited: true,
	}
)

// The time of most tests, and the days before and after.
var (
	now       = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	yesterday = now.Add(-24 * time.Hour)
	tomorrow  = now.Add(24 * time.Hour)
)

// platform returns a platform's evidence with nothing to object to but the findings.
func platform(name string, findings ...evidence.Finding) evidence.Platform {
	p, err := image.ParsePlatform(name)
	if err != nil {
		panic(err)
	}
	return evidence.Platform{
		Platform:  p,
		Manifest:  image.DigestOf([]byte(name)),
		Config:    image.Config{Platform: p, User: "65532"},
		Inventory: evidence.Checked(evidence.Inventory{Packages: 3}),
		Findings:  evidence.Checked(findings),

		Distribution: evidence.Checked(evidence.Distribution{Name: "debian 12.1"}),
		Packages:     evidence.Checked([]evidence.Package{}),
		Secrets:      evidence.Checked([]evidence.Secret{}),
	}
}

// clean returns evidence with nothing to object to but the findings, signed by ci.
func clean(findings ...evidence.Finding) evidence.Evidence {
	return evidence.Evidence{
		Image:     checkout,
		Platforms: []evidence.Platform{platform("linux/amd64", findings...)},
		Signed: map[string]evidence.Statements{
			ciAnchor:      found(signatureBy(byKey(ciPrint))),
			releaseAnchor: found(),
		},
		Database: evidence.Checked(evidence.Feed{Version: "sha256:1", UpdatedAt: yesterday}),
		KEV:      evidence.Checked(evidence.Feed{Version: "2026.01.01", Entries: 1300}),
		EPSS:     evidence.Checked(evidence.Feed{Version: "2026-11-20", Entries: 300000}),
	}
}

// checkout is the image that is judged.
var checkout = func() image.Reference {
	repository, err := image.ParseRepository("registry.example.com/shop/checkout")
	if err != nil {
		panic(err)
	}
	return image.Reference{Repository: repository, Digest: image.DigestOf([]byte("checkout"))}
}()

// with returns evidence after a change.
func with(e evidence.Evidence, change func(*evidence.Evidence)) evidence.Evidence {
	change(&e)
	return e
}

func blocking(rule v1alpha1.BlockRule) Policy {
	rule.Name = "rule"
	return Policy{Name: "prod/strict", Namespace: "prod", Spec: v1alpha1.PolicySpec{
		Vulnerabilities: &v1alpha1.VulnerabilityRules{Block: []v1alpha1.BlockRule{rule}},
	}}
}

func nonRootOnly() Policy {
	return Policy{Name: "prod/strict", Namespace: "prod", Spec: v1alpha1.PolicySpec{Image: &v1alpha1.ImageRules{User: v1alpha1.UserNonRoot}}}
}

func TestJudge(t *testing.T) {
	for name, test := range map[string]struct {
		policies []Policy
		evidence evidence.Evidence
		outcome  Outcome
		reason   string
		message  string // of the leading rule
	}{
		"without a policy nothing is trusted": {
			nil, clean(), Undetermined, v1alpha1.ReasonNoMatchingPolicy,
			"no policy speaks of this image in this namespace; create an ImagePolicy or a ClusterImagePolicy that does",
		},
		"a policy without rules is an explicit choice": {
			[]Policy{{Name: "a"}}, clean(openssl), Trusted, v1alpha1.ReasonPolicyPassed, "",
		},
		"a policy without rules passes no image that nobody looked at": {
			[]Policy{{Name: "a"}}, evidence.Evidence{}, Undetermined, v1alpha1.ReasonInProgress, "no platform of the image was looked at yet",
		},
		"a policy without rules on vulnerabilities does not look at findings": {
			[]Policy{signed(1, "ci")}, with(clean(), func(e *evidence.Evidence) {
				e.Platforms[0].Findings = evidence.Unchecked[[]evidence.Finding](v1alpha1.ReasonNotCovered, "x")
				e.Platforms[0].Inventory = evidence.Unchecked[evidence.Inventory](v1alpha1.ReasonInventoryIncomplete, "x")
			}), Trusted, v1alpha1.ReasonPolicyPassed, "",
		},
		"an image without findings passes": {
			[]Policy{blocking(low)}, clean(), Trusted, v1alpha1.ReasonPolicyPassed, "",
		},
		"a finding that meets the rule rejects": {
			[]Policy{blocking(low)}, clean(openssl), Rejected, v1alpha1.ReasonVulnerable,
			"1 finding: CVE-2024-1 in openssl 3.0.1 (Critical, fixed in 3.0.2); update the packages, or the base image that brings them",
		},
		"a finding without a fix has another remedy": {
			[]Policy{blocking(low)}, clean(zlib), Rejected, v1alpha1.ReasonVulnerable,
			"1 finding: CVE-2023-45853 in zlib1g 1.2.13 (High); no fix is published: remove the packages, or choose another base image",
		},
		"a finding that nobody rated does not meet Low": {
			[]Policy{blocking(low)}, clean(unrated), Trusted, v1alpha1.ReasonPolicyPassed, "",
		},
		"a finding that nobody rated meets Unknown": {
			[]Policy{blocking(v1alpha1.BlockRule{MinSeverity: v1alpha1.SeverityUnknown})}, clean(unrated), Rejected, v1alpha1.ReasonVulnerable,
			"1 finding: GO-2024-1 in stdlib v1.20.0 (Unknown, fixed in 1.20.1); update the packages, or the base image that brings them",
		},
		"every finding meets Unknown": {
			[]Policy{blocking(v1alpha1.BlockRule{MinSeverity: v1alpha1.SeverityUnknown})}, clean(zlib), Rejected, v1alpha1.ReasonVulnerable,
			"1 finding: CVE-2023-45853 in zlib1g 1.2.13 (High); no fix is published: remove the packages, or choose another base image",
		},
		"a finding must meet every field": {
			[]Policy{blocking(v1alpha1.BlockRule{MinSeverity: v1alpha1.SeverityHigh, Fix: v1alpha1.FixAvailable, Exploited: v1alpha1.ExploitedKnown})},
			clean(openssl, zlib, listed), Trusted, v1alpha1.ReasonPolicyPassed, "",
		},
		"an exploited vulnerability rejects whatever its severity": {
			[]Policy{blocking(v1alpha1.BlockRule{Exploited: v1alpha1.ExploitedKnown})}, clean(zlib, listed), Rejected, v1alpha1.ReasonVulnerable,
			"1 finding: CVE-2021-44228 in log4j-core 2.14.1 (Medium, exploited, fixed in 2.15.0); update the packages, or the base image that brings them",
		},
		"without the catalogue a rule on exploited vulnerabilities is unknown, also with a finding that claims to be one": {
			[]Policy{blocking(v1alpha1.BlockRule{Exploited: v1alpha1.ExploitedKnown})}, with(clean(listed), func(e *evidence.Evidence) {
				e.KEV = evidence.Unchecked[evidence.Feed](v1alpha1.ReasonFeedUnavailable, "the KEV file is malformed; replace it")
			}), Undetermined, v1alpha1.ReasonFeedUnavailable, "the KEV file is malformed; replace it",
		},
		"a catalogue that was not looked at is unknown": {
			[]Policy{blocking(v1alpha1.BlockRule{Exploited: v1alpha1.ExploitedKnown})}, with(clean(), func(e *evidence.Evidence) {
				e.KEV = evidence.Fact[evidence.Feed]{}
			}), Undetermined, v1alpha1.ReasonFeedUnavailable, "the catalogue of known exploited vulnerabilities is not loaded; configure where to read it",
		},
		"without the catalogue other rules go on, and nothing is called exploited": {
			[]Policy{blocking(low)}, with(clean(listed), func(e *evidence.Evidence) { e.KEV = evidence.Fact[evidence.Feed]{} }),
			Rejected, v1alpha1.ReasonVulnerable,
			"1 finding: CVE-2021-44228 in log4j-core 2.14.1 (Medium, fixed in 2.15.0); update the packages, or the base image that brings them",
		},
		"an incomplete inventory is unknown and never clean": {
			[]Policy{blocking(low)}, with(clean(), func(e *evidence.Evidence) {
				e.Platforms[0].Inventory = evidence.Unchecked[evidence.Inventory](v1alpha1.ReasonInventoryIncomplete, "var/lib/dpkg/status: malformed")
			}), Undetermined, v1alpha1.ReasonInventoryIncomplete, "var/lib/dpkg/status: malformed",
		},
		"a known finding rejects although the inventory is incomplete": {
			[]Policy{blocking(low)}, with(clean(openssl), func(e *evidence.Evidence) {
				e.Platforms[0].Inventory = evidence.Unchecked[evidence.Inventory](v1alpha1.ReasonInventoryIncomplete, "x")
			}), Rejected, v1alpha1.ReasonVulnerable,
			"1 finding: CVE-2024-1 in openssl 3.0.1 (Critical, fixed in 3.0.2); update the packages, or the base image that brings them",
		},
		"a release that the database does not cover is unknown": {
			[]Policy{blocking(low)}, with(clean(), func(e *evidence.Evidence) {
				e.Platforms[0].Findings = evidence.Unchecked[[]evidence.Finding](v1alpha1.ReasonNotCovered, "alpine 3.18 is not covered")
			}), Undetermined, v1alpha1.ReasonNotCovered, "alpine 3.18 is not covered",
		},
		"findings of a fact that is not known do not count": {
			[]Policy{blocking(low)}, with(clean(), func(e *evidence.Evidence) {
				e.Platforms[0].Findings = evidence.Fact[[]evidence.Finding]{Value: []evidence.Finding{openssl}}
			}), Undetermined, v1alpha1.ReasonInProgress, "vulnerabilities were not looked for yet",
		},
		"an inventory that was not made yet is unknown": {
			[]Policy{blocking(low)}, with(clean(), func(e *evidence.Evidence) { e.Platforms[0].Inventory = evidence.Fact[evidence.Inventory]{} }),
			Undetermined, v1alpha1.ReasonInProgress, "what is in the image was not looked at yet",
		},
		"one bad platform rejects the index and is named": {
			[]Policy{blocking(low)}, with(clean(), func(e *evidence.Evidence) {
				e.Platforms = append(e.Platforms, platform("linux/arm64/v8", openssl))
			}), Rejected, v1alpha1.ReasonVulnerable,
			"1 finding: CVE-2024-1 in openssl 3.0.1 on linux/arm64/v8 (Critical, fixed in 3.0.2); update the packages, or the base image that brings them",
		},
		"a finding on every platform counts once": {
			[]Policy{blocking(low)}, with(clean(openssl), func(e *evidence.Evidence) {
				e.Platforms = append(e.Platforms, platform("linux/arm64", openssl))
			}), Rejected, v1alpha1.ReasonVulnerable,
			"1 finding: CVE-2024-1 in openssl 3.0.1 on every platform (Critical, fixed in 3.0.2); update the packages, or the base image that brings them",
		},
		"one platform that nobody knows makes the index unknown and is named": {
			[]Policy{blocking(low)}, with(clean(), func(e *evidence.Evidence) {
				other := platform("linux/arm64")
				other.Findings = evidence.Unchecked[[]evidence.Finding](v1alpha1.ReasonDatabaseUnavailable, "no database is loaded")
				e.Platforms = append(e.Platforms, other)
			}), Undetermined, v1alpha1.ReasonDatabaseUnavailable, "linux/arm64: no database is loaded",
		},
		"a signature by the authority passes": {
			[]Policy{signed(0, "ci")}, clean(), Trusted, v1alpha1.ReasonPolicyPassed, "",
		},
		"a missing signature rejects and tells what was found": {
			[]Policy{signed(1, "release")}, clean(), Rejected, v1alpha1.ReasonSignatureMissing,
			"signed by 0 of 1 needed authorities; sign the digest with cosign sign; missing: release (no signature)",
		},
		"one of two demanded signatures is not enough": {
			[]Policy{signed(2, "release", "ci")}, clean(), Rejected, v1alpha1.ReasonSignatureMissing,
			"signed by 1 of 2 needed authorities; sign the digest with cosign sign; missing: release (no signature)",
		},
		"two names of one key count once": {
			[]Policy{signed(2, "ci", "ci-again")}, clean(), Rejected, v1alpha1.ReasonSignatureMissing,
			"signed by 1 of 2 needed authorities, because several names in anyOf stand for one signer; name more authorities, or lower the threshold",
		},
		"two distinct signatures meet a threshold of two": {
			[]Policy{signed(2, "ci", "release")}, with(clean(), func(e *evidence.Evidence) {
				e.Signed = map[string]evidence.Statements{ciAnchor: e.Signed[ciAnchor], releaseAnchor: found(signatureBy(byKey(releasePrint)))}
			}), Trusted, v1alpha1.ReasonPolicyPassed, "",
		},
		"an authority whose key cannot be used is unknown": {
			[]Policy{signed(1, "broken", "release")}, clean(), Undetermined, v1alpha1.ReasonKeyNotFound,
			"authority broken: ConfigMap keys does not exist",
		},
		"an authority whose key cannot be used does not matter when others suffice": {
			[]Policy{signed(1, "broken", "ci")}, clean(), Trusted, v1alpha1.ReasonPolicyPassed, "",
		},
		"a registry that did not answer is no bad signature": {
			[]Policy{signed(1, "ci")}, with(clean(), func(e *evidence.Evidence) {
				e.Signed = map[string]evidence.Statements{
					ciAnchor: {Rest: evidence.Unchecked[string](v1alpha1.ReasonRegistryUnavailable, "registry.example.com does not answer")},
				}
			}), Undetermined, v1alpha1.ReasonRegistryUnavailable, "authority ci: registry.example.com does not answer",
		},
		"a look that was cut short is unknown, whatever its value says": {
			[]Policy{signed(1, "ci")}, with(clean(), func(e *evidence.Evidence) {
				e.Signed = map[string]evidence.Statements{ciAnchor: {Rest: evidence.Fact[string]{State: evidence.CouldNotCheck, Value: "2 signatures by others"}}}
			}), Undetermined, v1alpha1.ReasonSignatureUnchecked, "authority ci: its signature was not looked for yet",
		},
		"a signature that nobody looked for is unknown": {
			[]Policy{signed(1, "unseen")}, clean(), Undetermined, v1alpha1.ReasonSignatureUnchecked,
			"authority unseen: its signature was not looked for yet",
		},
		"an authority that the policy does not have is unknown": {
			[]Policy{signed(1, "nobody")}, clean(), Undetermined, v1alpha1.ReasonSignatureUnchecked,
			"authority nobody: what it is made of was not looked at yet",
		},
		"an image that starts as another user passes": {
			[]Policy{nonRootOnly()}, clean(), Trusted, v1alpha1.ReasonPolicyPassed, "",
		},
		"an image that names no user starts as root": {
			[]Policy{nonRootOnly()}, with(clean(), func(e *evidence.Evidence) { e.Platforms[0].Config.User = "" }),
			Rejected, v1alpha1.ReasonRunsAsRoot,
			"the image names no user and so starts as root; write USER with a plain number other than 0, such as 65532",
		},
		"a hostile user is shown escaped": {
			[]Policy{nonRootOnly()}, with(clean(), func(e *evidence.Evidence) { e.Platforms[0].Config.User = "\x1b[2J0" }),
			Rejected, v1alpha1.ReasonRunsAsRoot,
			`the image starts as user "\x1b[2J0", which is root or may be taken for it; write USER with a plain number other than 0, such as 65532`,
		},
		"one platform that starts as root rejects the index and is named": {
			[]Policy{nonRootOnly()}, with(clean(), func(e *evidence.Evidence) {
				other := platform("linux/arm64")
				other.Config.User = "root"
				e.Platforms = append(e.Platforms, other)
			}), Rejected, v1alpha1.ReasonRunsAsRoot,
			`linux/arm64: the image starts as user "root", which is root or may be taken for it; write USER with a plain number other than 0, such as 65532`,
		},
		"more policies than may speak reject, since one of them could": {
			make([]Policy, MaxPolicies+1), clean(), Rejected, v1alpha1.ReasonPolicyInvalid,
			"65 policies speak of this image, and at most 64 may; put several into one",
		},
		"as many policies as may speak are judged": {
			make([]Policy, MaxPolicies), clean(), Trusted, v1alpha1.ReasonPolicyPassed, "",
		},
		"every policy must pass": {
			[]Policy{signed(1, "ci"), {Name: "empty"}, blocking(low)}, clean(openssl), Rejected, v1alpha1.ReasonVulnerable,
			"1 finding: CVE-2024-1 in openssl 3.0.1 (Critical, fixed in 3.0.2); update the packages, or the base image that brings them",
		},
		"one rule that is unknown leaves the verdict open": {
			[]Policy{signed(1, "ci"), signed(1, "broken")}, clean(), Undetermined, v1alpha1.ReasonKeyNotFound,
			"authority broken: ConfigMap keys does not exist",
		},
		"a rule that fails decides although another is unknown": {
			[]Policy{signed(1, "broken"), blocking(low)}, clean(openssl), Rejected, v1alpha1.ReasonVulnerable,
			"1 finding: CVE-2024-1 in openssl 3.0.1 (Critical, fixed in 3.0.2); update the packages, or the base image that brings them",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Judge(test.policies, test.evidence, Circumstances{})
			leading, _ := got.Leading()
			if got.Outcome != test.outcome || got.Reason() != test.reason || leading.Message != test.message {
				t.Errorf("got  %s, %s, %q\nwant %s, %s, %q", got.Outcome, got.Reason(), leading.Message, test.outcome, test.reason, test.message)
			}
		})
	}
}

func TestRulesAreListedByPolicyAndField(t *testing.T) {
	a, b := everyField(), everyField()
	a.Name, b.Name = "z", "prod/a"
	for _, p := range []Policy{a, b} {
		p.Spec.Vulnerabilities.VEX = nil // which excuses openssl
	}
	got := Judge([]Policy{a, b}, clean(openssl), Circumstances{Now: now})
	const fixable = "1 finding: CVE-2024-1 in openssl 3.0.1 (Critical, fixed in 3.0.2); update the packages, or the base image that brings them"
	const released = "signed by 1 of 2 needed authorities; sign the digest with cosign sign; missing: release (no signature)"
	absent := func(policy, rule, predicateType, found string) v1alpha1.RuleResult {
		return v1alpha1.RuleResult{Policy: policy, Rule: "attestations[" + rule + "]", Result: v1alpha1.ResultFail, Reason: v1alpha1.ReasonAttestationMissing,
			Message: "no attestation of type " + predicateType + "; attach one with cosign attest; found by " + found}
	}
	unfollowed := func(policy, rule string) v1alpha1.RuleResult {
		return v1alpha1.RuleResult{Policy: policy, Rule: "layouts[" + rule + "]", Result: v1alpha1.ResultUnknown, Reason: v1alpha1.ReasonAttestationUnchecked,
			Message: "the links of the layout were not looked for yet"}
	}
	var want []v1alpha1.RuleResult
	for _, name := range []string{"prod/a", "z"} {
		want = append(want,
			v1alpha1.RuleResult{Policy: name, Rule: "vulnerabilities.block[exploited]", Result: v1alpha1.ResultPass},
			v1alpha1.RuleResult{Policy: name, Rule: "vulnerabilities.block[fixable]", Result: v1alpha1.ResultFail, Reason: v1alpha1.ReasonVulnerable, Message: fixable},
			v1alpha1.RuleResult{Policy: name, Rule: "vulnerabilities.maxScanAge", Result: v1alpha1.ResultPass},
			v1alpha1.RuleResult{Policy: name, Rule: "vulnerabilities.endOfLife", Result: v1alpha1.ResultPass},
			v1alpha1.RuleResult{Policy: name, Rule: "vulnerabilities.unidentified", Result: v1alpha1.ResultPass},
			v1alpha1.RuleResult{Policy: name, Rule: "sbom.deny[a]", Result: v1alpha1.ResultPass},
			v1alpha1.RuleResult{Policy: name, Rule: "sbom.deny[b]", Result: v1alpha1.ResultPass},
			v1alpha1.RuleResult{Policy: name, Rule: "signatures[built]", Result: v1alpha1.ResultPass},
			v1alpha1.RuleResult{Policy: name, Rule: "signatures[released]", Result: v1alpha1.ResultFail, Reason: v1alpha1.ReasonSignatureMissing, Message: released},
			absent(name, "built", predicate.ProvenanceV1, "ci (none), release (none)"), absent(name, "scanned", predicate.ScanV1, "ci (none)"),
			absent(name, "tested", predicate.TestResultV01, "ci (none)"), absent(name, "verified", predicate.SummaryV1, "ci (none)"),
			unfollowed(name, "another"), unfollowed(name, "chain"),
			v1alpha1.RuleResult{Policy: name, Rule: "image.user", Result: v1alpha1.ResultPass},
			v1alpha1.RuleResult{Policy: name, Rule: "image.secrets", Result: v1alpha1.ResultPass},
		)
	}
	if diff := cmp.Diff(want, got.Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if message := "prod/a, signatures[released]: " + released + "; 15 more rules do not pass"; got.Message() != message {
		t.Errorf("message: %s", got.Message())
	}
}

func TestMessagesNameTheWorstThreeOnce(t *testing.T) {
	elsewhere := openssl
	elsewhere.Path = "opt/openssl"
	got := Judge([]Policy{blocking(v1alpha1.BlockRule{MinSeverity: v1alpha1.SeverityUnknown})}, clean(unrated, zlib, elsewhere, listed, openssl), Circumstances{})
	const want = "5 findings: CVE-2021-44228 in log4j-core 2.14.1 (Medium, exploited, fixed in 2.15.0), CVE-2024-1 in openssl 3.0.1 (Critical, fixed in 3.0.2), " +
		"CVE-2023-45853 in zlib1g 1.2.13 (High), ...; update the packages that have a fix, and remove the others or choose another base image"
	if got.Rules[0].Message != want {
		t.Errorf("got  %s\nwant %s", got.Rules[0].Message, want)
	}
}

func TestHostileWordsAreEscapedAndBounded(t *testing.T) {
	const hostile = "\x1b[2J\u202e\r\n\x00"
	long := strings.Repeat(hostile, 1000)
	var findings []evidence.Finding
	for range 4 {
		findings = append(findings, evidence.Finding{ID: long, Target: long, Package: long, Version: long, Path: long, FixedVersion: long, Severity: 200})
		long += "x"
	}
	e := clean(findings...)
	e.Platforms[0].Platform = image.Platform{OS: long, Architecture: long}
	e.Platforms = append(e.Platforms, platform("linux/arm64"))
	e.Platforms[0].Config.User = long
	e.Signed = map[string]evidence.Statements{releaseAnchor: {Rest: evidence.Checked(long)}, rootAnchor: found(
		signatureBy(logged(evidence.Certificate{Subject: long, Issuer: githubIssuer})), provenanceBy(byKey(ciPrint), `{"builder":{"id":`+quoted(t, long[:1000])+`},"buildType":"x"}`))}
	longest := demanding(v1alpha1.AttestationRule{PredicateType: predicate.ProvenanceV02, SLSA: &v1alpha1.ProvenanceRules{Builders: []v1alpha1.AttestedPattern{"x"}}})
	unchecked := signed(1, "unseen")
	unchecked.Authorities["unseen"] = evidence.Unchecked[authority.Authority](long, long)
	e.Platforms[0].Distribution.Value = evidence.Distribution{Name: long, EndOfLife: true}
	e.Platforms[0].Inventory.Value.Unidentified = []string{long, long, long, long}
	e.Platforms[0].Secrets = evidence.Checked([]evidence.Secret{{Rule: long, Place: long, Line: 1 << 30, Layer: checkout.Digest}})
	e.Platforms[0].Packages = evidence.Checked([]evidence.Package{{PURL: long, Name: long, Version: long, Path: long, Licenses: []string{long}}})
	unreadable := stating()
	unreadable.VEX["vendor"] = evidence.Unchecked[[]evidence.VEXStatement](long, long)
	policies := []Policy{
		blocking(low), signed(1, "release"), nonRootOnly(), unchecked, unreadable, signed(1, "builder"), longest,
		denying(v1alpha1.SBOMDenyRule{Licenses: []v1alpha1.LicensePattern{"*"}}), denying(v1alpha1.SBOMDenyRule{Packages: []v1alpha1.PackagePattern{"pkg:npm/*"}}),
		{Name: "a", Spec: v1alpha1.PolicySpec{
			Vulnerabilities: &v1alpha1.VulnerabilityRules{EndOfLife: v1alpha1.ToleranceDeny, Unidentified: v1alpha1.ToleranceDeny},
			Image:           &v1alpha1.ImageRules{Secrets: v1alpha1.SecretsDeny},
		}},
	}
	verdict := Judge(policies, e, Circumstances{})
	for _, rule := range verdict.Rules {
		if rule.Result == v1alpha1.ResultPass {
			t.Errorf("%s of %s passes", rule.Rule, rule.Policy)
		}
		assertPrintable(t, rule.Message, 512)
		assertPrintable(t, rule.Reason, 64)
		if rule.Rule == "vulnerabilities.block[rule]" && !strings.Contains(rule.Message, "or the base image that brings them") {
			t.Errorf("the advice is lost: %s", rule.Message)
		}
	}
	assertPrintable(t, verdict.Message(), 1024)
	for _, finding := range Worst(e) {
		assertPrintable(t, finding.ID, 64)
		assertPrintable(t, finding.Package, 128)
		assertPrintable(t, finding.Version, 64)
		assertPrintable(t, finding.FixedVersion, 64)
	}
}

func assertPrintable(t *testing.T, s string, limit int) {
	t.Helper()
	if len(s) > limit {
		t.Errorf("%d characters, at most %d: %q", len(s), limit, s)
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
		t.Errorf("not printable at %d: %q", i, s)
	}
}

func TestTheZeroOutcomeIsUndetermined(t *testing.T) {
	if got := (Verdict{}).Outcome.Verdict(); got != v1alpha1.VerdictUndetermined {
		t.Errorf("got %s", got)
	}
	for outcome, want := range map[Outcome]v1alpha1.Verdict{
		Trusted: v1alpha1.VerdictTrusted, Rejected: v1alpha1.VerdictRejected, 9: v1alpha1.VerdictUndetermined,
	} {
		if got := outcome.Verdict(); got != want {
			t.Errorf("%d: got %s, want %s", outcome, got, want)
		}
	}
}

// quoted returns the text in JSON.
func quoted(t *testing.T, text string) string {
	t.Helper()
	content, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
