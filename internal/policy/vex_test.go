// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// stated returns the usual statement after a change.
func stated(change func(*evidence.VEXStatement)) evidence.VEXStatement {
	s := notAffected
	s.IDs = slices.Clone(s.IDs)
	change(&s)
	return s
}

func TestVEXStatements(t *testing.T) {
	type vex = evidence.VEXStatement
	product := func(text string, subcomponents ...string) vex {
		return stated(func(s *vex) { s.Product, s.Subcomponents = text, subcomponents })
	}
	saying := func(status evidence.VEXStatus, at time.Time) vex {
		return stated(func(s *vex) { s.Status, s.Timestamp = status, at })
	}
	const anyVersion = "pkg:deb/debian/openssl"
	digest, manifest := checkout.Digest.String(), clean().Platforms[0].Manifest.String()
	attestedTo := func(manifest image.Digest, status evidence.VEXStatus, at time.Time) vex {
		return stated(func(s *vex) { s.Manifest, s.Status, s.Timestamp = manifest, status, at })
	}
	this, other := clean().Platforms[0].Manifest, image.DigestOf([]byte("linux/arm64"))
	for name, test := range map[string]struct {
		statements []vex
		excuses    bool
	}{
		"not_affected excuses":                                 {[]vex{notAffected}, true},
		"fixed excuses":                                        {[]vex{saying(evidence.VEXFixed, now)}, true},
		"under_investigation does not":                         {[]vex{saying(evidence.VEXUnderInvestigation, now)}, false},
		"affected does not":                                    {[]vex{saying(evidence.VEXAffected, now)}, false},
		"a status that nobody knows does not":                  {[]vex{saying("unimportant", now)}, false},
		"nothing said excuses nothing":                         {nil, false},
		"an alias is as good as the id":                        {[]vex{stated(func(s *vex) { s.IDs = []string{"GHSA-1", "dsa-1-1"} })}, true},
		"another vulnerability is another":                     {[]vex{stated(func(s *vex) { s.IDs = []string{"CVE-2024-2"} })}, false},
		"the latest statement counts":                          {[]vex{saying(evidence.VEXAffected, yesterday), saying(evidence.VEXNotAffected, now)}, true},
		"wherever in the document it stands":                   {[]vex{saying(evidence.VEXUnderInvestigation, now), notAffected}, false},
		"of one moment that counts which excuses nothing":      {[]vex{notAffected, saying(evidence.VEXAffected, yesterday)}, false},
		"in any order":                                         {[]vex{saying(evidence.VEXAffected, yesterday), notAffected}, false},
		"a later statement on another product does not matter": {[]vex{notAffected, stated(func(s *vex) { s.Product, s.Status, s.Timestamp = "pkg:deb/debian/zlib1g", evidence.VEXAffected, now })}, true},
		"a later one on this version does":                     {[]vex{notAffected, stated(func(s *vex) { s.Product, s.Status, s.Timestamp = anyVersion+"@3.0.1", evidence.VEXAffected, now })}, false},
		"a later one on another version does not":              {[]vex{notAffected, stated(func(s *vex) { s.Product, s.Status, s.Timestamp = anyVersion+"@3.0.2", evidence.VEXAffected, now })}, true},
		"a version is exact":                                   {[]vex{product(anyVersion + "@3.0.1")}, true},
		"and no beginning":                                     {[]vex{product(anyVersion + "@3.0")}, false},
		"and no range":                                         {[]vex{product(anyVersion + "@<4")}, false},
		"a name is no pattern":                                 {[]vex{product("pkg:deb/debian/*")}, false},
		"a qualifier that is given must agree":                 {[]vex{product(anyVersion + "?arch=amd64")}, true},
		"and otherwise nothing is covered":                     {[]vex{product(anyVersion + "?arch=amd64&distro=debian-11")}, false},
		"the package of another distribution is another":       {[]vex{product("pkg:deb/ubuntu/openssl")}, false},
		"a product that is no package URL covers nothing":      {[]vex{product("cpe:2.3:a:openssl:openssl:*"), product("openssl"), product("")}, false},
		"the image by its digest covers all in it":             {[]vex{product("pkg:oci/checkout@" + digest)}, true},
		"the platform's manifest does, too":                    {[]vex{product("pkg:oci/checkout@" + manifest)}, true},
		"an escaped digest is the same":                        {[]vex{product("pkg:oci/checkout@sha256%3A" + digest[7:])}, true},
		"another digest covers nothing":                        {[]vex{product("pkg:oci/checkout@sha256:" + manifest[:64])}, false},
		"a name alone does not tell whose image it is":         {[]vex{product("pkg:oci/checkout")}, false},
		"a repository without a digest is every digest of it":  {[]vex{product("pkg:oci/checkout?repository_url=registry.example.com/shop/checkout")}, true},
		"in whatever form its host is written":                 {[]vex{product("pkg:oci/checkout?repository_url=Registry.Example.com:443/shop/checkout")}, true},
		"another repository covers nothing":                    {[]vex{product("pkg:oci/checkout@" + digest + "?repository_url=registry.example.com/shop/payment")}, false},
		"a repository that is none covers nothing":             {[]vex{product("pkg:oci/checkout@" + digest + "?repository_url=::")}, false},
		"the architecture that is given must agree":            {[]vex{product("pkg:oci/checkout@" + digest + "?arch=arm64")}, false},
		"a package within the image is covered":                {[]vex{product("pkg:oci/checkout@"+digest, "pkg:deb/debian/bash", anyVersion)}, true},
		"other packages in it are not":                         {[]vex{product("pkg:oci/checkout@"+digest, "pkg:deb/debian/bash")}, false},
		"a package in an image that is not this is not":        {[]vex{product("pkg:oci/payment", anyVersion)}, false},
		"a subcomponent of the package itself is no finding":   {[]vex{product(anyVersion, "pkg:deb/debian/bash")}, false},
		"a package within a package cannot be resolved":        {[]vex{product("pkg:deb/debian/curl", anyVersion)}, false},
		"what was attested to the platform's image excuses":    {[]vex{attestedTo(this, evidence.VEXNotAffected, now)}, true},
		"what was attested to that of another does not":        {[]vex{attestedTo(other, evidence.VEXNotAffected, now)}, false},
		"not even when it names the image": {[]vex{stated(func(s *vex) {
			s.Manifest, s.Product = other, "pkg:oci/checkout@"+digest
		})}, false},
		"and a later one there does not matter here":  {[]vex{notAffected, attestedTo(other, evidence.VEXAffected, now)}, true},
		"but a later one to this platform does":       {[]vex{notAffected, attestedTo(this, evidence.VEXAffected, now)}, false},
		"an image within an image cannot be resolved": {[]vex{product("pkg:oci/checkout@"+digest, "pkg:oci/base@"+manifest)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			for kind, j := range map[string]judged{
				"in a ConfigMap": {[]Policy{stating(test.statements...)}, clean(openssl), Circumstances{}},
				"attested":       {[]Policy{attesting()}, attested(clean(openssl), test.statements...), Circumstances{}},
			} {
				if got := j.verdict(); (got.Outcome == Trusted) != test.excuses || (len(got.Excused) == 1) != test.excuses {
					t.Errorf("%s: %s: %s, %d excused", kind, got.Outcome, got.Message(), len(got.Excused))
				}
			}
		})
	}
}

func TestVEXSources(t *testing.T) {
	const unread = "VEX source vendor, which might excuse some, cannot be read: ConfigMap vex does not exist"
	gone := evidence.Unchecked[[]evidence.VEXStatement](v1alpha1.ReasonVEXUnavailable, "ConfigMap vex does not exist")
	source := func(fact evidence.Fact[[]evidence.VEXStatement]) Policy {
		p := stating()
		p.VEX["vendor"] = fact
		return p
	}
	second := func(fact evidence.Fact[[]evidence.VEXStatement], p Policy) Policy {
		p.Spec.Vulnerabilities.VEX = append(p.Spec.Vulnerabilities.VEX, v1alpha1.VEXSource{Name: "a-second", ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{}})
		p.VEX["a-second"] = fact
		return p
	}
	attestedBy := func(authorities ...v1alpha1.RuleName) Policy {
		p := attesting()
		p.Spec.Vulnerabilities.VEX[0].AttestedBy = authorities
		return p
	}
	affected := stated(func(s *evidence.VEXStatement) { s.Status, s.Timestamp = evidence.VEXAffected, now })
	says := evidence.Checked([]evidence.VEXStatement{notAffected})
	byIdentity := func(signers ...evidence.Signer) evidence.Evidence {
		return with(clean(openssl), func(e *evidence.Evidence) {
			e.Signed[rootAnchor], e.Signed[ownAnchor] = found(), found()
			for _, signer := range signers {
				e.VEX = append(e.VEX, documentBy(rootAnchor, signer, says), documentBy(ownAnchor, signer, says))
			}
		})
	}
	rejected := expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks, time.Time{}}
	for name, test := range map[string]struct {
		policy   Policy
		evidence evidence.Evidence
		want     expected
	}{
		"a document that excuses is named":                              {stating(notAffected), clean(openssl), excused("prod/strict vulnerabilities.vex[vendor] (Example Vendor)", time.Time{})},
		"a source that cannot be read excuses nothing, and says so":     {source(gone), clean(openssl), expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks + "; " + unread, time.Time{}}},
		"a source that cannot be read does not matter to a clean image": {source(gone), clean(), expected{Trusted, v1alpha1.ReasonPolicyPassed, "", time.Time{}}},
		"a value that is not known excuses nothing": {source(evidence.Fact[[]evidence.VEXStatement]{State: evidence.CouldNotCheck, Message: "ConfigMap vex does not exist", Value: []evidence.VEXStatement{notAffected}}),
			clean(openssl), expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks + "; " + unread, time.Time{}}},
		"a source that nobody read yet leaves the rule open":        {source(evidence.Fact[[]evidence.VEXStatement]{}), clean(openssl), expected{Undetermined, v1alpha1.ReasonInProgress, "VEX source vendor: it was not read yet", time.Time{}}},
		"a source beside one that cannot be read speaks for itself": {second(gone, stating(notAffected)), clean(openssl), excused("prod/strict vulnerabilities.vex[vendor] (Example Vendor)", time.Time{})},
		"what another source says does not matter":                  {second(evidence.Checked([]evidence.VEXStatement{affected}), stating(notAffected)), clean(openssl), excused("prod/strict vulnerabilities.vex[vendor] (Example Vendor)", time.Time{})},
		"a document by an authority that is not asked for excuses nothing": {attestedBy("ci"), with(clean(openssl), func(e *evidence.Evidence) {
			e.VEX = []evidence.VEXDocument{documentBy(releaseAnchor, byKey(releasePrint), says)}
		}), expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks, time.Time{}}},
		"one of several authorities is enough": {attestedBy("release", "ci"), attested(clean(openssl), notAffected),
			excused("prod/strict vulnerabilities.vex[ours] (Example Vendor)", time.Time{})},
		"attestations that nobody looked for leave the rule open": {attestedBy("unseen"), clean(openssl), expected{Undetermined, v1alpha1.ReasonInProgress, "VEX source ours: it was not read yet", time.Time{}}},
		"attestations of which there are none excuse nothing":     {attestedBy("ci"), clean(openssl), rejected},
		"attestations that an outage keeps from being looked for leave the rule open": {attestedBy("ci"), with(attested(clean(openssl), notAffected), func(e *evidence.Evidence) {
			e.Signed[ciAnchor] = evidence.Statements{Rest: evidence.Unchecked[string](v1alpha1.ReasonRegistryUnavailable, "gone")}
		}), expected{Undetermined, v1alpha1.ReasonRegistryUnavailable, "VEX source ours: gone", time.Time{}}},
		"more attestations than are looked at excuse nothing, since whoever may push can attach them": {attestedBy("ci"), with(attested(clean(openssl), notAffected), func(e *evidence.Evidence) {
			e.Signed[ciAnchor] = evidence.Statements{Rest: evidence.Unchecked[string](v1alpha1.ReasonOverLimit, "too many")}
		}), expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks + "; VEX source ours, which might excuse some, cannot be read: too many", time.Time{}}},
		"a document by an identity that is believed excuses":           {attestedBy("team"), byIdentity(workflow(), team()), excused("prod/strict vulnerabilities.vex[ours] (Example Vendor)", time.Time{})},
		"one by another identity under the same trust root does not":   {attestedBy("team"), byIdentity(workflow()), rejected},
		"one by a key does not, either":                                {attestedBy("team"), byIdentity(byKey(ciPrint)), rejected},
		"one under a chain of one's own excuses while that is valid":   {attestedBy("own"), byIdentity(own(yesterday, tomorrow)), excused("prod/strict vulnerabilities.vex[ours] (Example Vendor)", tomorrow)},
		"one under a chain that has expired does not":                  {attestedBy("own"), byIdentity(own(yesterday, now.Add(-time.Second))), rejected},
		"one under a chain that is not valid yet does when it becomes": {attestedBy("own"), byIdentity(own(tomorrow, tomorrow.Add(time.Hour))), expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks, tomorrow}},
		"of two documents that one identity signed, one that cannot be read leaves open what it says": {attestedBy("team"), with(byIdentity(team()), func(e *evidence.Evidence) {
			e.VEX = append(e.VEX, documentBy(rootAnchor, team(), gone))
		}), expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks + "; VEX source ours, which might excuse some, cannot be read: ConfigMap vex does not exist", time.Time{}}},
		"one of a stranger that cannot be read does not matter": {attestedBy("team"), with(byIdentity(team()), func(e *evidence.Evidence) {
			e.VEX = append(e.VEX, documentBy(rootAnchor, workflow(), gone))
		}), excused("prod/strict vulnerabilities.vex[ours] (Example Vendor)", time.Time{})},
		"an authority without a usable key excuses nothing, and says so": {attestedBy("broken"), clean(openssl),
			expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks + "; VEX source ours, which might excuse some, cannot be read: authority broken: ConfigMap keys does not exist", time.Time{}}},
		"an exception excuses while a source was not read": {func() Policy {
			p := excusing(nil)
			p.Spec.Vulnerabilities.VEX = stating().Spec.Vulnerabilities.VEX
			return p
		}(), clean(openssl), excused("prod/strict vulnerabilities.exceptions (shop) until 2027-01-31T00:00:00Z", end)},
		"hostile words of a document are escaped": {stating(stated(func(s *evidence.VEXStatement) { s.Author, s.Justification = "a\x1b[2J", "b\r\n" })), clean(openssl),
			excused(`prod/strict vulnerabilities.vex[vendor] (a\x1b[2J)`, time.Time{})},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.check(t, judged{[]Policy{test.policy}, test.evidence, Circumstances{}}.verdict())
		})
	}
}

func TestVEXExcusesOnEveryPlatformOrNot(t *testing.T) {
	other := openssl
	other.PURL = "pkg:deb/debian/openssl@3.0.1?arch=arm64&distro=debian-12.1"
	e := with(clean(openssl), func(e *evidence.Evidence) { e.Platforms = append(e.Platforms, platform("linux/arm64", other)) })
	attestedTo := func(platform int) evidence.VEXStatement {
		return stated(func(s *evidence.VEXStatement) { s.Manifest = e.Platforms[platform].Manifest })
	}
	amd64, arm64 := notAffected, notAffected
	amd64.Product, arm64.Product = "pkg:deb/debian/openssl?arch=amd64", "pkg:deb/debian/openssl?arch=arm64"
	for name, test := range map[string]struct {
		statements []evidence.VEXStatement
		want       Outcome
	}{
		"one for one platform is not enough":    {[]evidence.VEXStatement{amd64}, Rejected},
		"one for each is":                       {[]evidence.VEXStatement{amd64, arm64}, Trusted},
		"one for all is":                        {[]evidence.VEXStatement{notAffected}, Trusted},
		"the index by its digest is every part": {[]evidence.VEXStatement{stated(func(s *evidence.VEXStatement) { s.Product = "pkg:oci/x@" + checkout.Digest.String() })}, Trusted},
		"one manifest of it is not":             {[]evidence.VEXStatement{stated(func(s *evidence.VEXStatement) { s.Product = "pkg:oci/x@" + e.Platforms[0].Manifest.String() })}, Rejected},
		"attested to one platform's image":      {[]evidence.VEXStatement{attestedTo(0)}, Rejected},
		"attested to the image of each":         {[]evidence.VEXStatement{attestedTo(0), attestedTo(1)}, Trusted},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (judged{[]Policy{stating(test.statements...)}, e, Circumstances{}}).verdict(); got.Outcome != test.want {
				t.Errorf("%s: %s", got.Outcome, got.Message())
			}
		})
	}
}
