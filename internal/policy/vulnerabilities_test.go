// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// expected is what a row expects of a verdict: its outcome, the reason, the leading rule's message, and when time alone changes it.
type expected struct {
	outcome Outcome
	reason  string
	message string
	until   time.Time
}

func (want expected) check(t *testing.T, got Verdict) {
	t.Helper()
	leading, found := got.Leading()
	if !found && len(got.Rules) > 0 {
		leading = got.Rules[0]
	}
	if got.Outcome != want.outcome || got.Reason() != want.reason || leading.Message != want.message || !got.Until.Equal(want.until) {
		t.Errorf("got  %s, %s, %q, until %s\nwant %s, %s, %q, until %s", got.Outcome, got.Reason(), leading.Message, got.Until,
			want.outcome, want.reason, want.message, want.until)
	}
}

const opensslBlocks = "1 finding: CVE-2024-1 in openssl 3.0.1 (Critical, fixed in 3.0.2); update the packages, or the base image that brings them"

func TestFeeds(t *testing.T) {
	likely := blocking(v1alpha1.BlockRule{MinEPSS: "0.5"})
	known, ransomware := blocking(v1alpha1.BlockRule{Exploited: v1alpha1.ExploitedKnown}), blocking(v1alpha1.BlockRule{Exploited: v1alpha1.ExploitedRansomware})
	unscored, used := openssl, listed
	unscored.Scored = false
	used.Ransomware = true
	withoutEPSS := func(e *evidence.Evidence) { e.EPSS = evidence.Fact[evidence.Feed]{} }
	withoutKEV := func(e *evidence.Evidence) { e.KEV = evidence.Fact[evidence.Feed]{} }
	passed := expected{Trusted, v1alpha1.ReasonPolicyPassed, "", time.Time{}}
	for name, test := range map[string]struct {
		policy   Policy
		evidence evidence.Evidence
		want     expected
	}{
		"a probability that is reached blocks":          {likely, clean(openssl), expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks, time.Time{}}},
		"a vulnerability that nobody scores does not":   {likely, clean(unscored), passed},
		"a score of 0 is reached by whatever is scored": {blocking(v1alpha1.BlockRule{MinEPSS: "0"}), clean(openssl), expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks, time.Time{}}},
		"a score of 0 is not reached without a score":   {blocking(v1alpha1.BlockRule{MinEPSS: "0"}), clean(unscored), passed},
		"a score that is no number restricts nothing":   {blocking(v1alpha1.BlockRule{MinEPSS: "x"}), clean(openssl), expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks, time.Time{}}},
		"exploited is not used for ransomware":          {ransomware, clean(listed), passed},
		"what is used for ransomware blocks":            {ransomware, clean(used), expected{Rejected, v1alpha1.ReasonVulnerable, "1 finding: CVE-2021-44228 in log4j-core 2.14.1 (Medium, exploited, fixed in 2.15.0); update the packages, or the base image that brings them", time.Time{}}},
		"scores that never loaded leave the rule open":  {likely, with(clean(openssl), withoutEPSS), expected{Undetermined, v1alpha1.ReasonFeedUnavailable, "the scores of exploitation (EPSS) are not loaded; configure where to read them", time.Time{}}},
		"and so do they without any finding":            {likely, with(clean(), withoutEPSS), expected{Undetermined, v1alpha1.ReasonFeedUnavailable, "the scores of exploitation (EPSS) are not loaded; configure where to read them", time.Time{}}},
		"a catalogue that never loaded does, too":       {ransomware, with(clean(used), withoutKEV), expected{Undetermined, v1alpha1.ReasonFeedUnavailable, "the catalogue of known exploited vulnerabilities is not loaded; configure where to read it", time.Time{}}},
		"a feed that no rule reads does not matter":     {known, with(clean(openssl), withoutEPSS), passed},
		"a feed's own words say why it cannot be read": {likely, with(clean(), func(e *evidence.Evidence) {
			e.EPSS = evidence.Unchecked[evidence.Feed](v1alpha1.ReasonFeedUnavailable, "the file is cut")
		}), expected{Undetermined, v1alpha1.ReasonFeedUnavailable, "the file is cut", time.Time{}}},
		"another rule of the policy blocks all the same": {Policy{Name: "a", Spec: v1alpha1.PolicySpec{Vulnerabilities: &v1alpha1.VulnerabilityRules{Block: []v1alpha1.BlockRule{{Name: "a", MinEPSS: "0"}, {Name: "b", MinSeverity: v1alpha1.SeverityLow}}}}}, with(clean(openssl), withoutEPSS), expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks, time.Time{}}},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.check(t, judged{[]Policy{test.policy}, test.evidence, Circumstances{}}.verdict())
		})
	}
}

func TestWhatNoFeedSaysIsNotShown(t *testing.T) {
	claimed := openssl
	claimed.Exploited, claimed.Ransomware = true, true
	got := judged{[]Policy{excusing(nil)}, with(clean(claimed), func(e *evidence.Evidence) {
		e.KEV, e.EPSS = evidence.Fact[evidence.Feed]{}, evidence.Fact[evidence.Feed]{}
	}), Circumstances{}}.verdict()
	if f := got.Excused[0].Finding; f.Exploited || f.Ransomware || f.Scored || f.EPSS != 0 {
		t.Errorf("%+v", f)
	}
}

func TestGrace(t *testing.T) {
	never := time.Time{}
	in := func(d time.Duration) time.Time { return now.Add(d) }
	passed := func(until time.Time) expected { return expected{Trusted, v1alpha1.ReasonPolicyPassed, "", until} }
	blocked := expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks, never}
	unpublished := dated(openssl, never, yesterday, yesterday)
	for name, test := range map[string]struct {
		policy   Policy
		evidence evidence.Evidence
		want     expected
	}{
		"a finding in grace does not block, until it ends":      {sparing("25h", v1alpha1.GraceFromFixSeen), clean(openssl), passed(in(time.Hour))},
		"the moment that the grace ends it blocks":              {sparing("24h", v1alpha1.GraceFromFixSeen), clean(openssl), blocked},
		"a grace of no time is none":                            {sparing("0s", v1alpha1.GraceFromFixSeen), clean(openssl), blocked},
		"a grace that is no duration is none":                   {sparing("week", v1alpha1.GraceFromFixSeen), clean(openssl), blocked},
		"a grace from a moment that nobody knows is none":       {sparing("25h", "Reported"), clean(openssl), blocked},
		"without the date of publication there is no grace":     {sparing("25h", v1alpha1.GraceFromPublished), clean(unpublished), blocked},
		"other dates do not matter":                             {sparing("25h", v1alpha1.GraceFromFirstSeen), clean(unpublished), passed(in(time.Hour))},
		"of several findings the first grace that ends counts":  {sparing("48h", v1alpha1.GraceFromFirstSeen), clean(openssl, dated(listed, now, now.Add(-time.Hour), now)), passed(in(24 * time.Hour))},
		"a finding out of grace blocks beside one in it":        {sparing("24h", v1alpha1.GraceFromFirstSeen), clean(openssl, dated(listed, now, now.Add(-time.Hour), now)), expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks, in(23 * time.Hour)}},
		"a finding that does not meet the rule needs no grace":  {sparing("25h", v1alpha1.GraceFromFirstSeen), clean(zlib), passed(never)},
		"of dates on several platforms the earliest counts":     {sparing("25h", v1alpha1.GraceFromFirstSeen), with(clean(dated(openssl, now, now, now)), func(e *evidence.Evidence) { e.Platforms = append(e.Platforms, platform("linux/arm64", openssl)) }), passed(in(time.Hour))},
		"a platform of which the date is not known has no more": {sparing("25h", v1alpha1.GraceFromPublished), with(clean(openssl), func(e *evidence.Evidence) { e.Platforms = append(e.Platforms, platform("linux/arm64", unpublished)) }), expected{Rejected, v1alpha1.ReasonVulnerable, "1 finding: CVE-2024-1 in openssl 3.0.1 on every platform (Critical, fixed in 3.0.2); update the packages, or the base image that brings them", never}},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.check(t, judged{[]Policy{test.policy}, test.evidence, Circumstances{}}.verdict())
		})
	}
}

func TestScanAge(t *testing.T) {
	of := func(updated time.Time) evidence.Evidence {
		return with(clean(), func(e *evidence.Evidence) { e.Database.Value.UpdatedAt = updated })
	}
	const old = "the vulnerability database is of 2026-11-20T12:00:00Z, and findings may be no older than 24h; look why no newer one was loaded"
	both := young("24h")
	both.Spec.Vulnerabilities.Block = []v1alpha1.BlockRule{low}
	for name, test := range map[string]struct {
		policy   Policy
		evidence evidence.Evidence
		want     expected
	}{
		"a young database passes, until it is too old":          {young("25h"), of(yesterday), expected{Trusted, v1alpha1.ReasonPolicyPassed, "", now.Add(time.Hour)}},
		"the moment that it is too old the verdict is open":     {young("24h"), of(yesterday), expected{Undetermined, v1alpha1.ReasonScanStale, old, time.Time{}}},
		"a database without a date may be of any age":           {young("24h"), of(time.Time{}), expected{Undetermined, v1alpha1.ReasonScanStale, "the vulnerability database does not say when it was published; use one that does", time.Time{}}},
		"an age that is no duration is none":                    {young("old"), of(yesterday), expected{Undetermined, v1alpha1.ReasonScanStale, "the vulnerability database is of 2026-11-20T12:00:00Z, and findings may be no older than old; look why no newer one was loaded", time.Time{}}},
		"without a database nobody knows":                       {young("25h"), with(clean(), func(e *evidence.Evidence) { e.Database = evidence.Fact[evidence.Feed]{} }), expected{Undetermined, v1alpha1.ReasonDatabaseUnavailable, "no vulnerability database is loaded; configure where to read it", time.Time{}}},
		"a finding that is known blocks by an old database too": {both, clean(openssl), expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks, time.Time{}}},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.check(t, judged{[]Policy{test.policy}, test.evidence, Circumstances{}}.verdict())
		})
	}
}

func TestWhatIsTolerated(t *testing.T) {
	endOfLife := Policy{Name: "a", Spec: v1alpha1.PolicySpec{Vulnerabilities: &v1alpha1.VulnerabilityRules{EndOfLife: v1alpha1.ToleranceDeny}}}
	unidentified := Policy{Name: "a", Spec: v1alpha1.PolicySpec{Vulnerabilities: &v1alpha1.VulnerabilityRules{Unidentified: v1alpha1.ToleranceDeny}}}
	secrets := Policy{Name: "a", Spec: v1alpha1.PolicySpec{Image: &v1alpha1.ImageRules{Secrets: v1alpha1.SecretsDeny}}}
	allowed := Policy{Name: "a", Spec: v1alpha1.PolicySpec{Vulnerabilities: &v1alpha1.VulnerabilityRules{EndOfLife: v1alpha1.ToleranceAllow, Unidentified: v1alpha1.ToleranceAllow}}}
	change := func(by func(*evidence.Platform)) evidence.Evidence {
		return with(clean(), func(e *evidence.Evidence) { by(&e.Platforms[0]) })
	}
	second := func(by func(*evidence.Platform)) evidence.Evidence {
		p := platform("linux/arm64")
		by(&p)
		return with(clean(), func(e *evidence.Evidence) { e.Platforms = append(e.Platforms, p) })
	}
	old := func(p *evidence.Platform) {
		p.Distribution.Value = evidence.Distribution{Name: "debian 8.0", EndOfLife: true}
	}
	jars := func(p *evidence.Platform) {
		p.Inventory.Value.Unidentified = []string{"app/a.jar", "app/b\x1b.jar", "app/c.jar", "app/d.jar"}
	}
	found := func(p *evidence.Platform) {
		p.Secrets.Value = []evidence.Secret{
			{Rule: "private-key", Severity: evidence.SeverityHigh, Place: "root/.ssh/id_rsa", Layer: checkout.Digest, Line: 1},
			{Rule: "aws-access-key-id", Severity: evidence.SeverityCritical, Place: "environment variable AWS_KEY"},
		}
	}
	passed := expected{Trusted, v1alpha1.ReasonPolicyPassed, "", time.Time{}}
	for name, test := range map[string]struct {
		policy   Policy
		evidence evidence.Evidence
		want     expected
	}{
		"a supported distribution passes":            {endOfLife, clean(), passed},
		"one that nobody supports any more does not": {endOfLife, change(old), expected{Rejected, v1alpha1.ReasonEndOfLife, "debian 8.0 is no longer supported by its vendor; choose a base image of a newer release", time.Time{}}},
		"of several platforms the one is named":      {endOfLife, second(old), expected{Rejected, v1alpha1.ReasonEndOfLife, "linux/arm64: debian 8.0 is no longer supported by its vendor; choose a base image of a newer release", time.Time{}}},
		"a distribution that nobody knows is open": {endOfLife, change(func(p *evidence.Platform) {
			p.Distribution = evidence.Unchecked[evidence.Distribution]("MatchingFailed", "x")
		}), expected{Undetermined, "MatchingFailed", "x", time.Time{}}},
		"Allow is as if nothing were said":              {allowed, with(change(old), func(e *evidence.Evidence) { jars(&e.Platforms[0]) }), passed},
		"an image whose packages all have names passes": {unidentified, clean(), passed},
		"files that nobody can name are refused":        {unidentified, change(jars), expected{Rejected, v1alpha1.ReasonUnidentified, `4 files with packages that nobody can name: app/a.jar, app/b\x1b.jar, app/c.jar, ...; give them their coordinates, such as a jar's pom.properties, or remove them`, time.Time{}}},
		"an incomplete inventory may have more of them": {unidentified, change(func(p *evidence.Platform) {
			p.Inventory = evidence.Unchecked[evidence.Inventory]("InventoryIncomplete", "x")
		}), expected{Undetermined, "InventoryIncomplete", "x", time.Time{}}},
		"an image without secrets passes":                {secrets, clean(), passed},
		"secrets are named by their place alone":         {secrets, change(found), expected{Rejected, v1alpha1.ReasonSecretsFound, "2 secrets: aws-access-key-id in environment variable AWS_KEY, private-key in root/.ssh/id_rsa line 1 of layer " + checkout.Digest.Short() + "; build the image without them, in no layer, and replace them where they are used: they are known now", time.Time{}}},
		"an image that nobody searched is open":          {secrets, change(func(p *evidence.Platform) { p.Secrets = evidence.Fact[[]evidence.Secret]{} }), expected{Undetermined, v1alpha1.ReasonInProgress, "secrets were not looked for yet", time.Time{}}},
		"a secret rejects whatever else is not searched": {secrets, with(second(found), func(e *evidence.Evidence) { e.Platforms[0].Secrets = evidence.Fact[[]evidence.Secret]{} }), expected{Rejected, v1alpha1.ReasonSecretsFound, "linux/arm64: 2 secrets: aws-access-key-id in environment variable AWS_KEY, private-key in root/.ssh/id_rsa line 1 of layer " + checkout.Digest.Short() + "; build the image without them, in no layer, and replace them where they are used: they are known now", time.Time{}}},
		"one platform that nobody searched is named":     {secrets, second(func(p *evidence.Platform) { p.Secrets = evidence.Fact[[]evidence.Secret]{} }), expected{Undetermined, v1alpha1.ReasonInProgress, "linux/arm64: secrets were not looked for yet", time.Time{}}},
		"without any platform nobody looked":             {secrets, evidence.Evidence{}, expected{Undetermined, v1alpha1.ReasonInProgress, "no platform of the image was looked at yet", time.Time{}}},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.check(t, judged{[]Policy{test.policy}, test.evidence, Circumstances{}}.verdict())
		})
	}
}
