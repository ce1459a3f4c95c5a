// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// end of the exception that excusing returns.
var end = time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)

// excused is what a passing rule says when one exception excuses openssl.
func excused(by string, until time.Time) expected {
	return expected{Trusted, v1alpha1.ReasonPolicyPassed, "1 excused finding: CVE-2024-1 in openssl by " + by + "; nothing else meets the rule", until}
}

func TestExceptions(t *testing.T) {
	const ours = "prod/strict vulnerabilities.exceptions (shop) until 2027-01-31T00:00:00Z"
	type exception = v1alpha1.VulnerabilityException
	blocked := expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks, time.Time{}}
	unfixed := openssl
	unfixed.FixedVersion = ""
	nameless := openssl
	nameless.PURL = ""
	twoPlatforms := with(clean(openssl), func(e *evidence.Evidence) {
		other := openssl
		other.PURL = "pkg:deb/debian/openssl@3.0.1?arch=arm64&distro=debian-12.1"
		e.Platforms = append(e.Platforms, platform("linux/arm64", other))
	})
	onEvery := expected{Rejected, v1alpha1.ReasonVulnerable, "1 finding: CVE-2024-1 in openssl 3.0.1 on every platform (Critical, fixed in 3.0.2); update the packages, or the base image that brings them", time.Time{}}
	digest := func(d image.Digest) []v1alpha1.DigestString {
		return []v1alpha1.DigestString{v1alpha1.DigestString(d.String())}
	}
	for name, test := range map[string]struct {
		change   func(*exception)
		evidence evidence.Evidence
		want     expected
	}{
		"an exception excuses until it expires":            {nil, clean(openssl), excused(ours, end)},
		"an alias is as good as the id":                    {func(e *exception) { e.ID = "DSA-1-1" }, clean(openssl), excused(ours, end)},
		"the case of an id does not matter":                {func(e *exception) { e.ID = "cve-2024-1" }, clean(openssl), excused(ours, end)},
		"the beginning of an id is another one":            {func(e *exception) { e.ID = "CVE-2024" }, clean(openssl), blocked},
		"an exception does not excuse other findings":      {nil, clean(openssl, zlib), expected{Rejected, v1alpha1.ReasonVulnerable, "1 finding: CVE-2023-45853 in zlib1g 1.2.13 (High); no fix is published: remove the packages, or choose another base image", end}},
		"the version may be named":                         {func(e *exception) { e.Package = "pkg:deb/debian/openssl@3.0.1" }, clean(openssl), excused(ours, end)},
		"another version is not excused":                   {func(e *exception) { e.Package = "pkg:deb/debian/openssl@3.0.10" }, clean(openssl), blocked},
		"the version may be a range":                       {func(e *exception) { e.Package = "pkg:deb/debian/openssl@>=3,<3.0.2" }, clean(openssl), excused(ours, end)},
		"a version out of the range is not excused":        {func(e *exception) { e.Package = "pkg:deb/debian/openssl@<3.0.1" }, clean(openssl), blocked},
		"a qualifier restricts":                            {func(e *exception) { e.Package = "pkg:deb/debian/openssl?arch=arm64" }, clean(openssl), blocked},
		"the package of another distribution is another":   {func(e *exception) { e.Package = "pkg:deb/ubuntu/openssl" }, clean(openssl), blocked},
		"a wildcard excuses nothing":                       {func(e *exception) { e.Package = "pkg:deb/debian/*" }, clean(openssl), blocked},
		"an escaped wildcard excuses nothing":              {func(e *exception) { e.Package = "pkg:deb/debian/%2A" }, clean(openssl), blocked},
		"a text that is no package excuses nothing":        {func(e *exception) { e.Package = "openssl" }, clean(openssl), blocked},
		"a finding without a package URL is not excused":   {nil, clean(nameless), blocked},
		"the image may be named":                           {func(e *exception) { e.Images = []v1alpha1.ImagePattern{"registry.example.com/**"} }, clean(openssl), excused(ours, end)},
		"the digest may be named":                          {func(e *exception) { e.Digests = digest(checkout.Digest) }, clean(openssl), excused(ours, end)},
		"the digest of a platform may be named":            {func(e *exception) { e.Digests = digest(clean().Platforms[0].Manifest) }, clean(openssl), excused(ours, end)},
		"a finding must be excused on every platform":      {func(e *exception) { e.Digests = digest(clean().Platforms[0].Manifest) }, twoPlatforms, onEvery},
		"one exception for every platform excuses":         {nil, twoPlatforms, excused(ours, end)},
		"one for the package of a platform does not":       {func(e *exception) { e.Package = "pkg:deb/debian/openssl?arch=amd64" }, twoPlatforms, onEvery},
		"the moment that it expires it excuses nothing":    {func(e *exception) { e.ExpiresAt = "2026-11-21T12:00:00Z" }, clean(openssl), blocked},
		"a second before it excuses":                       {func(e *exception) { e.ExpiresAt = "2026-11-21T12:00:01Z" }, clean(openssl), excused("prod/strict vulnerabilities.exceptions (shop) until 2026-11-21T12:00:01Z", now.Add(time.Second))},
		"a moment that no calendar has excuses nothing":    {func(e *exception) { e.ExpiresAt = "2027-02-30T00:00:00Z" }, clean(openssl), blocked},
		"an exception that ends with a fix excuses before": {func(e *exception) { e.ExpireOnFix = true }, clean(unfixed), excused(ours, end)},
		"and not after":                                    {func(e *exception) { e.ExpireOnFix = true }, clean(openssl), blocked},
		"hostile words of an owner are escaped":            {func(e *exception) { e.Owner = "a\x1b\n" }, clean(openssl), excused(`prod/strict vulnerabilities.exceptions (a\x1b\n) until 2027-01-31T00:00:00Z`, end)},
		"what is not known otherwise stays open": {nil, with(clean(openssl), func(e *evidence.Evidence) {
			e.Platforms[0].Inventory = evidence.Unchecked[evidence.Inventory]("InventoryIncomplete", "x")
		}), expected{Undetermined, "InventoryIncomplete", "x", end}},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.check(t, judged{[]Policy{excusing(test.change)}, test.evidence, Circumstances{}}.verdict())
		})
	}
}

func TestOfSeveralExceptionsTheLongestCounts(t *testing.T) {
	p := excusing(nil)
	for i, until := range []v1alpha1.Timestamp{"2026-12-01T00:00:00Z", "2027-03-01T00:00:00Z", "2026-11-01T00:00:00Z"} {
		other := p.Spec.Vulnerabilities.Exceptions[0]
		other.Package, other.ExpiresAt = fmt.Sprintf("pkg:deb/debian/openssl@<%d", i+4), until
		p.Spec.Vulnerabilities.Exceptions = append(p.Spec.Vulnerabilities.Exceptions, other)
	}
	got := judged{[]Policy{p}, clean(openssl), Circumstances{}}.verdict()
	if until := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC); len(got.Excused) != 1 || !got.Excused[0].Until.Equal(until) {
		t.Errorf("excused: %+v, want until %s", got.Excused, until)
	}
	// Whichever ends first may change what is said.
	if first := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC); !got.Until.Equal(first) {
		t.Errorf("until %s, want %s", got.Until, first)
	}
}

func TestDelegation(t *testing.T) {
	blocked := expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks, time.Time{}}
	const theirs = "prod/strict vulnerabilities.exceptions (shop) until 2027-01-31T00:00:00Z"
	left := end.Sub(now)
	bounds := func(change func(*v1alpha1.ExceptionDelegation)) Policy {
		p := delegating()
		change(p.Spec.Vulnerabilities.DelegateExceptions)
		return p
	}
	unratedOpenssl := openssl
	unratedOpenssl.Severity = evidence.SeverityUnknown
	everything := func(p Policy) Policy {
		p.Spec.Vulnerabilities.Block[0].MinSeverity = v1alpha1.SeverityUnknown
		return p
	}
	namespaced := delegating()
	namespaced.Name, namespaced.Namespace = "prod/all", "prod"
	namespaced.Spec.Vulnerabilities.NotWorseThanCurrent = true // so that something might excuse
	elsewhere := excusesOnly()
	elsewhere.Namespace = "shop"
	clusterWide := excusesOnly()
	clusterWide.Namespace, clusterWide.Namespaces = "", []v1alpha1.NamespacePattern{"*"}
	for name, test := range map[string]struct {
		policies []Policy
		finding  evidence.Finding
		want     expected
	}{
		"an exception within the bounds excuses":                 {[]Policy{delegating(), excusesOnly()}, openssl, excused(theirs, end)},
		"without a delegation it does not":                       {[]Policy{excusesOnly(), {Name: "all", Spec: blocking(low).Spec}}, openssl, blocked},
		"a namespaced policy delegates nothing":                  {[]Policy{namespaced, excusesOnly()}, openssl, blocked},
		"another namespace may not":                              {[]Policy{delegating(), elsewhere}, openssl, blocked},
		"another cluster-wide policy may not":                    {[]Policy{bounds(func(d *v1alpha1.ExceptionDelegation) { d.Namespaces = []v1alpha1.NamespacePattern{"*"} }), clusterWide}, openssl, blocked},
		"a finding above the severity is not excused":            {[]Policy{bounds(func(d *v1alpha1.ExceptionDelegation) { d.MaxSeverity = v1alpha1.SeverityHigh }), excusesOnly()}, openssl, blocked},
		"a severity that nobody knows excuses nothing":           {[]Policy{bounds(func(d *v1alpha1.ExceptionDelegation) { d.MaxSeverity = "Severe" }), excusesOnly()}, openssl, blocked},
		"a finding that nobody rated may be critical":            {[]Policy{everything(bounds(func(d *v1alpha1.ExceptionDelegation) { d.MaxSeverity = v1alpha1.SeverityHigh })), excusesOnly()}, unratedOpenssl, expected{Rejected, v1alpha1.ReasonVulnerable, "1 finding: CVE-2024-1 in openssl 3.0.1 (Unknown, fixed in 3.0.2); update the packages, or the base image that brings them", time.Time{}}},
		"and is excused where critical ones are":                 {[]Policy{everything(delegating()), excusesOnly()}, unratedOpenssl, excused(theirs, end)},
		"one that ends exactly at the longest excuses":           {[]Policy{bounds(func(d *v1alpha1.ExceptionDelegation) { d.MaxDuration = v1alpha1.Duration(left.String()) }), excusesOnly()}, openssl, excused(theirs, end)},
		"one that ends later does not yet":                       {[]Policy{bounds(func(d *v1alpha1.ExceptionDelegation) { d.MaxDuration = "24h" }), excusesOnly()}, openssl, expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks, end.Add(-24 * time.Hour)}},
		"a length that is none excuses nothing":                  {[]Policy{bounds(func(d *v1alpha1.ExceptionDelegation) { d.MaxDuration = "long" }), excusesOnly()}, openssl, expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks, end}},
		"a policy that excuses elsewhere still blocks by itself": {[]Policy{delegating(), excusesOnly(), {Name: "prod/z", Namespace: "prod", Spec: blocking(low).Spec}}, openssl, expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks, end}},
	} {
		t.Run(name, func(t *testing.T) {
			got := judged{test.policies, clean(test.finding), Circumstances{}}.verdict()
			got.Rules = got.Rules[:min(len(got.Rules), 2)]
			test.want.check(t, got)
		})
	}
}

func TestNotWorseThanCurrent(t *testing.T) {
	const carried = "prod/strict vulnerabilities.notWorseThanCurrent"
	replacing := func(e evidence.Evidence, trustedAt time.Time) Circumstances {
		return Circumstances{Replaces: &e, TrustedAt: trustedAt}
	}
	blocked := expected{Rejected, v1alpha1.ReasonVulnerable, opensslBlocks, time.Time{}}
	older, milder, elsewhere, unknown := openssl, openssl, openssl, openssl
	older.Version, older.PURL = "3.0.0", "pkg:deb/debian/openssl@3.0.0?arch=amd64&distro=debian-12.0"
	milder.Severity = evidence.SeverityHigh
	elsewhere.Package, elsewhere.PURL = "libssl3", "pkg:deb/debian/libssl3@3.0.1"
	unknown.FirstSeen = time.Time{}
	unchecked := with(clean(), func(e *evidence.Evidence) {
		e.Platforms[0].Findings = evidence.Unchecked[[]evidence.Finding]("MatchingFailed", "x")
	})
	for name, test := range map[string]struct {
		finding       evidence.Finding
		circumstances Circumstances
		want          expected
	}{
		"a candidate may carry what is carried already":                  {openssl, replacing(clean(openssl), time.Time{}), excused(carried, time.Time{})},
		"in another version of the package, too":                         {openssl, replacing(clean(older), time.Time{}), excused(carried, time.Time{})},
		"without anything to replace nothing is excused":                 {openssl, Circumstances{}, blocked},
		"what is new is not excused":                                     {openssl, replacing(clean(zlib), time.Time{}), blocked},
		"what is worse now is not excused":                               {openssl, replacing(clean(milder), time.Time{}), blocked},
		"what was worse before is excused":                               {milder, replacing(clean(openssl), time.Time{}), excused(carried, time.Time{})},
		"the same vulnerability in another package is not excused":       {elsewhere, replacing(clean(openssl), time.Time{}), expected{Rejected, v1alpha1.ReasonVulnerable, "1 finding: CVE-2024-1 in libssl3 3.0.1 (Critical, fixed in 3.0.2); update the packages, or the base image that brings them", time.Time{}}},
		"a trusted digest keeps what was known then":                     {openssl, replacing(clean(openssl), now.Add(-time.Hour)), excused(carried, time.Time{})},
		"in the second that it came to be trusted, too":                  {dated(openssl, now, now.Add(999*time.Millisecond), now), replacing(clean(openssl), now), excused(carried, time.Time{})},
		"what came to be known later counts against it":                  {dated(openssl, now, now.Add(time.Second), now), replacing(clean(openssl), now), blocked},
		"and so does what was first seen who knows when":                 {unknown, replacing(clean(openssl), now), blocked},
		"for a candidate that does not matter":                           {unknown, replacing(clean(openssl), time.Time{}), excused(carried, time.Time{})},
		"what is replaced and not known leaves the verdict open":         {openssl, replacing(unchecked, time.Time{}), expected{Undetermined, "MatchingFailed", "whether the digest that is replaced carries the findings is not known: x", time.Time{}}},
		"what is replaced and was not looked at leaves the verdict open": {openssl, replacing(evidence.Evidence{}, time.Time{}), expected{Undetermined, v1alpha1.ReasonInProgress, "whether the digest that is replaced carries the findings is not known: vulnerabilities were not looked for yet", time.Time{}}},
		"what one of its platforms carries is known":                     {openssl, replacing(with(unchecked, func(e *evidence.Evidence) { e.Platforms = append(e.Platforms, platform("linux/s390x", openssl)) }), time.Time{}), excused(carried, time.Time{})},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.check(t, judged{[]Policy{notWorse()}, clean(test.finding), test.circumstances}.verdict())
		})
	}
	t.Run("one that blocks for certain rejects whatever else is open", func(t *testing.T) {
		late := dated(zlib, now, now.Add(time.Hour), now)
		got := judged{[]Policy{notWorse()}, clean(openssl, late), replacing(unchecked, now)}.verdict()
		if got.Outcome != Rejected {
			t.Errorf("%s: %s", got.Outcome, got.Message())
		}
	})
}

func TestWhatExcusesForGoodComesFirst(t *testing.T) {
	p := excusing(nil)
	p.Spec.Vulnerabilities.VEX, p.VEX = stating(notAffected).Spec.Vulnerabilities.VEX, stating(notAffected).VEX
	p.Spec.Vulnerabilities.NotWorseThanCurrent = true
	replaces := clean(openssl)
	got := judged{[]Policy{p}, clean(openssl), Circumstances{Replaces: &replaces}}.verdict()
	want := []Excused{{
		Finding: openssl, Policy: "prod/strict", By: "prod/strict vulnerabilities.vex[vendor]", Owner: "Example Vendor", Reason: "vulnerable_code_not_present",
	}}
	if diff := cmp.Diff(want, got.Excused); diff != "" {
		t.Errorf("excused (-want +got):\n%s", diff)
	}
	if !got.Until.IsZero() {
		t.Errorf("until %s, though nothing ends", got.Until)
	}
	if unused := Unused(p.Spec, Used(got)["prod/strict"]); len(unused) != 1 {
		t.Errorf("unused exceptions: %v", unused)
	}
}

func TestExcusedFindingsAreListedEvenWhenOthersBlock(t *testing.T) {
	a, b := excusing(nil), excusing(nil)
	b.Name = "prod/two"
	low := b.Spec.Vulnerabilities.Block[0]
	low.Name = "again"
	b.Spec.Vulnerabilities.Block = append(b.Spec.Vulnerabilities.Block, low)
	got := judged{[]Policy{b, a}, clean(zlib, openssl, listed), Circumstances{}}.verdict()
	reference := &v1alpha1.ExceptionReference{ID: "CVE-2024-1", Package: "pkg:deb/debian/openssl"}
	var want []Excused
	for _, name := range []string{"prod/strict", "prod/two"} {
		want = append(want, Excused{
			Finding: openssl, Policy: name, By: name + " vulnerabilities.exceptions", Exception: reference, ExceptionPolicy: name,
			Owner: "shop", Reason: "no TLS server", Until: end,
		})
	}
	if diff := cmp.Diff(want, got.Excused); diff != "" {
		t.Errorf("excused (-want +got):\n%s", diff)
	}
	if got.Outcome != Rejected {
		t.Errorf("%s", got.Outcome)
	}
	until := v1alpha1.NewTimestamp(end)
	excusals := []v1alpha1.ExcusedFinding{
		{ID: "CVE-2024-1", Package: "openssl", By: "prod/strict vulnerabilities.exceptions", Owner: "shop", Until: &until},
		{ID: "CVE-2024-1", Package: "openssl", By: "prod/two vulnerabilities.exceptions", Owner: "shop", Until: &until},
	}
	if diff := cmp.Diff(excusals, Excusals(got)); diff != "" {
		t.Errorf("excusals (-want +got):\n%s", diff)
	}
	if counts := Count(clean(zlib, openssl, listed), got); counts.Excused != 1 || counts.Critical != 1 {
		t.Errorf("counts: %+v", counts)
	}
	if diff := cmp.Diff(map[string][]v1alpha1.ExceptionReference{"prod/strict": {*reference}, "prod/two": {*reference}}, Used(got)); diff != "" {
		t.Errorf("used (-want +got):\n%s", diff)
	}
}

// An image and its policies may be made by one who wants to cost much.
func TestExcusedFindingsAreBounded(t *testing.T) {
	var findings []evidence.Finding
	for i := range 2 * maxExcused {
		findings = append(findings, evidence.Finding{ID: fmt.Sprint("CVE-", i), Package: "p", Severity: evidence.SeverityHigh})
	}
	e := clean(findings...)
	got := judged{[]Policy{notWorse(), notWorse()}, e, Circumstances{Replaces: &e}}.verdict()
	if len(got.Excused) != maxExcused || len(Excusals(got)) != maxExcusals || got.Outcome != Trusted {
		t.Errorf("%d excused, %d of them in the status, %s", len(got.Excused), len(Excusals(got)), got.Outcome)
	}
}

func TestWithoutATimeNothingThatEndsExcuses(t *testing.T) {
	for name, p := range map[string]Policy{"an exception": excusing(nil), "a grace": sparing("999999h", v1alpha1.GraceFromFixSeen)} {
		if got := Judge([]Policy{p}, clean(openssl), Circumstances{}); got.Outcome != Rejected || !got.Until.IsZero() {
			t.Errorf("%s: %s until %s", name, got.Outcome, got.Until)
		}
	}
}

// crowded returns very many findings of one vulnerability, and policies with very many exceptions and statements about it.
func crowded(policies int) judged {
	var findings []evidence.Finding
	for i := range 20000 {
		findings = append(findings, evidence.Finding{ID: "CVE-1", Package: "p", Path: fmt.Sprint(i), PURL: fmt.Sprintf("pkg:npm/p@%d", i), Severity: evidence.SeverityHigh})
	}
	var statements []evidence.VEXStatement
	for i := range 5000 {
		statements = append(statements, evidence.VEXStatement{IDs: []string{"CVE-1"}, Product: fmt.Sprintf("pkg:npm/p@%d", i), Status: evidence.VEXFixed})
	}
	j := judged{evidence: clean(findings...)}
	for i := range policies {
		p := stating(statements...)
		p.Name = fmt.Sprint("prod/", i)
		for n := range 256 {
			p.Spec.Vulnerabilities.Exceptions = append(p.Spec.Vulnerabilities.Exceptions, v1alpha1.VulnerabilityException{
				ID: "CVE-1", Package: fmt.Sprintf("pkg:npm/p@%d", n), Reason: "r", ExpiresAt: "2027-01-31T00:00:00Z",
			})
		}
		j.policies = append(j.policies, p)
	}
	return j
}

func TestComparisonsAreBounded(t *testing.T) {
	got := crowded(1).verdict()
	if message := got.Rules[0].Message; got.Outcome != Rejected || !strings.Contains(message, "name fewer of one vulnerability") {
		t.Errorf("%s: %s", got.Outcome, message)
	}
	if len(got.Excused) == 0 {
		t.Error("what was compared is not excused")
	}
}

func BenchmarkExcusing(b *testing.B) {
	j := crowded(MaxPolicies)
	for b.Loop() {
		j.verdict()
	}
}
