// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

func TestContents(t *testing.T) {
	type rule = v1alpha1.SBOMDenyRule
	packages := func(patterns ...v1alpha1.PackagePattern) rule { return rule{Packages: patterns} }
	copyleft := rule{Licenses: []v1alpha1.LicensePattern{"AGPL-*", "GPL-3.0-only"}}
	passed := expected{Trusted, v1alpha1.ReasonPolicyPassed, "", time.Time{}}
	agpl := evidence.Package{PURL: "pkg:npm/mongo-like@1.0.0", Name: "mongo-like", Version: "1.0.0", Licenses: []string{"AGPL-3.0-only"}}
	unversioned := evidence.Package{PURL: "pkg:npm/lodash", Name: "lodash"}
	odd := evidence.Package{PURL: "pkg:npm/lodash@latest", Name: "lodash", Version: "latest"}
	broken := evidence.Package{PURL: "npm lodash", Name: "lodash\x1b", Version: "4"}
	nameless := evidence.Package{Name: "lodash", Version: "4.17.20", Licenses: []string{"GPL-3.0-only"}}
	denied := func(what string) expected {
		return expected{Rejected, v1alpha1.ReasonPackageDenied, what + "; remove them, or use others in their place", time.Time{}}
	}
	unsure := func(what string) expected {
		return expected{Undetermined, v1alpha1.ReasonInventoryIncomplete, "whether " + what + " is denied is not known, since its version cannot be compared; deny the package without a version, or remove it", time.Time{}}
	}
	unlisted := func(e *evidence.Evidence) {
		e.Platforms[0].Packages = evidence.Unchecked[[]evidence.Package](v1alpha1.ReasonInventoryIncomplete, "package-lock.json: malformed")
	}
	for name, test := range map[string]struct {
		rule     rule
		evidence evidence.Evidence
		want     expected
	}{
		"a package that is not denied passes":              {packages("pkg:npm/event-stream"), packed(lodash), passed},
		"a package that is denied fails":                   {packages("pkg:npm/event-stream", "pkg:npm/lodash"), packed(lodash), denied("1 denied package: lodash 4.17.20 (MIT OR AGPL-3.0-only)")},
		"a wildcard denies by name":                        {packages("pkg:npm/lo*"), packed(lodash, agpl), denied("1 denied package: lodash 4.17.20 (MIT OR AGPL-3.0-only)")},
		"a range denies by version":                        {packages("pkg:npm/lodash@>=4,<4.17.21"), packed(lodash), denied("1 denied package: lodash 4.17.20 (MIT OR AGPL-3.0-only)")},
		"a version out of the range passes":                {packages("pkg:npm/lodash@>=4.17.21"), packed(lodash), passed},
		"a version that cannot be compared is open":        {packages("pkg:npm/lodash@<4.17.21"), packed(odd), unsure("lodash latest")},
		"a package without a version is open":              {packages("pkg:npm/lodash@<4.17.21"), packed(unversioned), unsure("lodash")},
		"what is denied for certain fails beside it":       {packages("pkg:npm/lodash@<4.17.21"), packed(odd, lodash), denied("1 denied package: lodash 4.17.20 (MIT OR AGPL-3.0-only)")},
		"a package URL that cannot be read is open":        {packages("pkg:npm/event-stream"), packed(broken), unsure(`lodash\x1b 4`)},
		"a package without a URL is of no pattern":         {packages("pkg:npm/lodash"), packed(nameless), passed},
		"a pattern that is none leaves the rule open":      {packages("lodash"), packed(), expected{Undetermined, v1alpha1.ReasonPolicyInvalid, `not a pattern of package URLs: not a package URL: purl scheme is not "pkg": "lodash"; correct the pattern`, time.Time{}}},
		"a licence that is denied fails":                   {copyleft, packed(lodash, agpl), denied("1 denied package: mongo-like 1.0.0 (AGPL-3.0-only)")},
		"a licence counts of a package without a URL, too": {copyleft, packed(nameless), denied("1 denied package: lodash 4.17.20 (GPL-3.0-only)")},
		"of several licences the denied one is named": {copyleft, packed(evidence.Package{Name: "glibc", Version: "2.36", Licenses: []string{"LGPL-2.1-only", "GPL-3.0-only", "AGPL-3.0-only"}}),
			denied("1 denied package: glibc 2.36 (GPL-3.0-only)")},
		"a package without a licence has none denied":     {copyleft, packed(odd), passed},
		"with packages and licences both must be met":     {rule{Packages: []v1alpha1.PackagePattern{"pkg:npm/lodash"}, Licenses: copyleft.Licenses}, packed(lodash, agpl), passed},
		"and when they are it fails":                      {rule{Packages: []v1alpha1.PackagePattern{"pkg:npm/*"}, Licenses: copyleft.Licenses}, packed(lodash, agpl), denied("1 denied package: mongo-like 1.0.0 (AGPL-3.0-only)")},
		"packages that nobody listed leave the rule open": {packages("pkg:npm/lodash"), with(packed(), func(e *evidence.Evidence) { e.Platforms[0].Packages = evidence.Fact[[]evidence.Package]{} }), expected{Undetermined, v1alpha1.ReasonInProgress, "packages were not listed yet", time.Time{}}},
		"an image whose packages cannot be known is open": {packages("pkg:npm/lodash"), with(packed(), unlisted), expected{Undetermined, v1alpha1.ReasonInventoryIncomplete, "package-lock.json: malformed", time.Time{}}},
		"a denied package on another platform fails all the same": {packages("pkg:npm/lodash"), with(packed(), func(e *evidence.Evidence) {
			unlisted(e)
			other := platform("linux/arm64")
			other.Packages = evidence.Checked([]evidence.Package{lodash})
			e.Platforms = append(e.Platforms, other)
		}), denied("1 denied package: lodash 4.17.20 on linux/arm64 (MIT OR AGPL-3.0-only)")},
		"many are counted, and three are named": {packages("pkg:npm/*"), packed(lodash, agpl, odd, unversioned),
			denied("4 denied packages: lodash, lodash 4.17.20 (MIT OR AGPL-3.0-only), lodash latest, ...")},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.check(t, judged{[]Policy{denying(test.rule)}, test.evidence, Circumstances{}}.verdict())
		})
	}
}

func TestLicenses(t *testing.T) {
	for name, test := range map[string]struct {
		patterns    []v1alpha1.LicensePattern
		denied, not []string
	}{
		"an identifier is itself alone": {[]v1alpha1.LicensePattern{"AGPL-3.0-only"},
			[]string{"AGPL-3.0-only", "agpl-3.0-ONLY", " AGPL-3.0-only "}, []string{"AGPL-3.0-or-later", "XAGPL-3.0-only", ""}},
		"a glob is many": {[]v1alpha1.LicensePattern{"AGPL-*"},
			[]string{"AGPL-3.0-only", "AGPL-1.0", "AGPL-3.0+"}, []string{"LAGPL-3.0", "GPL-3.0-only"}},
		"old and new names are the same": {[]v1alpha1.LicensePattern{"GPL-2.0", "LGPL-2.1-only", "GPL-3.0+", "AGPL-3.0-or-later"},
			[]string{"GPL-2.0", "GPL-2.0-only", "LGPL-2.1", "LGPL-2.1-only", "GPL-3.0-or-later", "GPL-3.0+", "AGPL-3.0+"},
			[]string{"GPL-2.0-or-later", "GPL-2.0+", "LGPL-2.1+", "GPL-3.0-only", "GPL-3.0", "MIT"}},
		"of a choice all must be denied": {[]v1alpha1.LicensePattern{"GPL-*", "AGPL-*"},
			[]string{"GPL-2.0-only OR AGPL-3.0-only", "(GPL-2.0-only OR (AGPL-3.0-only OR GPL-3.0-only))"},
			[]string{"MIT OR GPL-2.0-only", "GPL-2.0-only or MIT", "((MIT) OR GPL-2.0-only)"}},
		"of what holds together one": {[]v1alpha1.LicensePattern{"GPL-*"},
			[]string{"MIT AND GPL-2.0-only", "MIT and (BSD-3-Clause AND GPL-2.0-only)"},
			[]string{"MIT AND BSD-3-Clause", "MIT OR BSD-3-Clause AND GPL-2.0-only", "MIT AND (Apache-2.0 OR GPL-2.0-only)"}},
		"an exception does not matter": {[]v1alpha1.LicensePattern{"GPL-2.0-only"},
			[]string{"GPL-2.0-only WITH Classpath-exception-2.0", "MIT AND GPL-2.0-only WITH GCC-exception-2.0"}, []string{"MIT WITH GPL-2.0-only"}},
		"of a text that is no expression every word counts": {[]v1alpha1.LicensePattern{"GPL-2.0-only", "Commons-Clause"},
			[]string{"GPL-2.0-only OR", "MIT/GPL-2.0-only", "(MIT OR GPL-2.0-only", "MIT OR OR GPL-2.0-only", "Apache-2.0, Commons-Clause", "see GPL-2.0-only for more", "GPL-2.0-only WITH", ")GPL-2.0-only("},
			[]string{"MIT/Apache-2.0", "OR", "public domain", "text://GPL", "()"}},
		"what is nested too deep is words": {[]v1alpha1.LicensePattern{"GPL-2.0-only"},
			[]string{strings.Repeat("(", 100) + "MIT OR GPL-2.0-only" + strings.Repeat(")", 100), strings.Repeat("MIT OR ", 1000) + "GPL-2.0-only"},
			[]string{strings.Repeat("(", 10) + "MIT OR GPL-2.0-only" + strings.Repeat(")", 10), strings.Repeat("MIT OR ", 50) + "GPL-2.0-only"}},
		"a star is every licence": {[]v1alpha1.LicensePattern{"*"}, []string{"MIT", "whatever it is", "ЛИЦЕНЗИЯ"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for want, texts := range map[bool][]string{true: test.denied, false: test.not} {
				for _, text := range texts {
					var all licenses
					e := all.parse(text)
					if got := e.denied(all.matching(test.patterns)); got != want {
						t.Errorf("%.80q: denied %t, want %t", text, got, want)
					}
				}
			}
		})
	}
}

func FuzzLicenses(f *testing.F) {
	for _, seed := range [][2]string{
		{"MIT OR GPL-2.0-only", "GPL-*"}, {"(MIT AND (BSD-3-Clause OR Apache-2.0)) WITH x", "*"}, {"GPL-2.0+", "GPL-2.0-or-later"}, {"MIT/X11", "X11"}, {"((((", "("},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, pattern string) {
		if len(text) > 4096 || len(pattern) > 64 {
			t.Skip()
		}
		var all licenses
		e := all.parse(text)
		denied := e.denied(all.matching([]v1alpha1.LicensePattern{v1alpha1.LicensePattern(pattern)}))
		everything, nothing := all.matching([]v1alpha1.LicensePattern{"*"}), all.matching(nil)
		if !e.denied(everything) || e.denied(nothing) {
			t.Fatalf("%q is not denied by a star, or by nothing", text)
		}
		more := all.matching([]v1alpha1.LicensePattern{v1alpha1.LicensePattern(pattern), "MIT"})
		if denied && !e.denied(more) {
			t.Fatalf("%q is denied by %q and not when more is", text, pattern)
		}
		if strings.Contains(text, ")") { // which might end the parenthesis below
			return
		}
		both := all.parse("XYZ-1 AND (" + text + ")")
		if xyz := all.matching([]v1alpha1.LicensePattern{"XYZ-1"}); !both.denied(xyz) {
			t.Fatalf("%q hides a licence that holds beside it", text)
		}
	})
}

func FuzzContents(f *testing.F) {
	f.Add("pkg:npm/lodash@<4.17.21", "pkg:npm/lodash@4.17.20", "4.17.20")
	f.Add("pkg:deb/*/x@>1:2", "pkg:deb/debian/x@1?epoch=1", "")
	f.Fuzz(func(t *testing.T, pattern, purl, version string) {
		if len(pattern) > 256 {
			t.Skip()
		}
		p := denying(v1alpha1.SBOMDenyRule{Packages: []v1alpha1.PackagePattern{v1alpha1.PackagePattern(pattern)}})
		for _, rule := range (judged{[]Policy{p}, packed(evidence.Package{PURL: purl, Name: purl, Version: version}), Circumstances{}}).verdict().Rules {
			assertPrintable(t, rule.Message, maxMessage)
		}
	})
}

// A hostile image may bring very many packages with very many licences, and a tenant as many rules as the API takes.
func BenchmarkContents(b *testing.B) {
	var packages []evidence.Package
	for i := range 10000 {
		packages = append(packages, evidence.Package{
			PURL: fmt.Sprintf("pkg:npm/package-%d@1.0.%d", i, i), Name: fmt.Sprint("package-", i), Licenses: []string{fmt.Sprintf("LicenseRef-%d OR MIT", i)},
		})
	}
	p := Policy{Name: "a", Spec: v1alpha1.PolicySpec{SBOM: &v1alpha1.SBOMRules{}}}
	for i := range 16 {
		rule := v1alpha1.SBOMDenyRule{Name: v1alpha1.RuleName(fmt.Sprint("r", i))}
		for j := range 32 {
			rule.Packages = append(rule.Packages, v1alpha1.PackagePattern(fmt.Sprintf("pkg:npm/*-x-%d-%d*", i, j)))
		}
		p.Spec.SBOM.Deny = append(p.Spec.SBOM.Deny, rule)
	}
	j := judged{[]Policy{p}, packed(packages...), Circumstances{}}
	for b.Loop() {
		j.verdict()
	}
}
