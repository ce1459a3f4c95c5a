// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// ending returns a spec with an exception for each moment.
func ending(moments ...v1alpha1.Timestamp) v1alpha1.PolicySpec {
	rules := &v1alpha1.VulnerabilityRules{}
	for i, at := range moments {
		rules.Exceptions = append(rules.Exceptions, v1alpha1.VulnerabilityException{
			ID: fmt.Sprint("CVE-", i), Package: "pkg:npm/a", ExpiresAt: at, Owner: "shop",
		})
	}
	return v1alpha1.PolicySpec{Vulnerabilities: rules}
}

func TestExpiring(t *testing.T) {
	const ahead = 14 * 24 * time.Hour
	at := func(d time.Duration) v1alpha1.Timestamp { return v1alpha1.NewTimestamp(now.Add(d)) }
	for name, test := range map[string]struct {
		spec v1alpha1.PolicySpec
		want []string // ids
		next time.Time
	}{
		"a policy without rules has none":                {v1alpha1.PolicySpec{}, nil, time.Time{}},
		"one that ends much later is silent until then":  {ending(at(ahead + time.Second)), nil, now.Add(time.Second)},
		"14 days ahead one is listed, until it ends":     {ending(at(ahead)), []string{"CVE-0"}, now.Add(ahead)},
		"one that has ended is listed for good":          {ending(at(0)), []string{"CVE-0"}, time.Time{}},
		"they are listed by their ends":                  {ending(at(time.Hour), at(-time.Hour), at(ahead*2), at(time.Minute)), []string{"CVE-1", "CVE-3", "CVE-0"}, now.Add(time.Minute)},
		"one that ends on no calendar's day has ended":   {ending("2027-02-30T00:00:00Z"), []string{"CVE-0"}, time.Time{}},
		"what comes first, an end or a warning, is next": {ending(at(ahead+time.Minute), at(time.Hour)), []string{"CVE-1"}, now.Add(time.Minute)},
		"and the other way round":                        {ending(at(ahead+time.Hour), at(time.Minute)), []string{"CVE-1"}, now.Add(time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, e := range Expiring(test.spec, now, ahead) {
				got = append(got, e.Exception.ID)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("expiring (-want +got):\n%s", diff)
			}
			if next := NextExpiry(test.spec, now, ahead); !next.Equal(test.next) {
				t.Errorf("next %s, want %s", next, test.next)
			}
		})
	}
}

func TestUnused(t *testing.T) {
	spec := ending("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
	used := []v1alpha1.ExceptionReference{{ID: "CVE-1", Package: "pkg:npm/a"}, {ID: "CVE-2", Package: "pkg:npm/b"}}
	want := []v1alpha1.ExceptionReference{{ID: "CVE-0", Package: "pkg:npm/a"}, {ID: "CVE-2", Package: "pkg:npm/a"}}
	if diff := cmp.Diff(want, Unused(spec, used)); diff != "" {
		t.Errorf("unused (-want +got):\n%s", diff)
	}
	if got := Unused(ending(make([]v1alpha1.Timestamp, 100)...), nil); len(got) != maxUnused {
		t.Errorf("%d unused", len(got))
	}
}

func TestCheck(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*v1alpha1.PolicySpec)
		want   []string
	}{
		"a policy that can be applied":       {func(*v1alpha1.PolicySpec) {}, nil},
		"a pattern of images with a tag":     {func(s *v1alpha1.PolicySpec) { s.Images[0] = "nginx:latest" }, []string{`images: the pattern matches nothing: "nginx:latest" has a tag or a port in its path; patterns speak of repositories`}},
		"an exception for every package":     {func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.Exceptions[0].Package = "pkg:deb/%2A" }, []string{"vulnerabilities.exceptions[CVE-1, pkg:deb/%2A].package: not a pattern of package URLs: an exception names its package without *"}},
		"an exception for no package":        {func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.Exceptions[0].Package = "pkg:deb/a@<" }, []string{`vulnerabilities.exceptions[CVE-1, pkg:deb/a@<].package: not a pattern of package URLs: "" is no version of type deb`}},
		"an exception for images with a tag": {func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.Exceptions[0].Images[0] = "a:1" }, []string{`vulnerabilities.exceptions[CVE-1, pkg:deb/debian/a].images: the pattern matches nothing: "a:1" has a tag or a port in its path; patterns speak of repositories`}},
		"an exception that ends on no day":   {func(s *v1alpha1.PolicySpec) { s.Vulnerabilities.Exceptions[0].ExpiresAt = "2027-02-30T00:00:00Z" }, []string{`vulnerabilities.exceptions[CVE-1, pkg:deb/debian/a].expiresAt: "2027-02-30T00:00:00Z" is no moment`}},
		"a denial of what is no package":     {func(s *v1alpha1.PolicySpec) { s.SBOM.Deny[0].Packages[0] = "pkg:npm/a@<" }, []string{`sbom.deny[b].packages: not a pattern of package URLs: "" is no version of type npm`}},
		"an issuer that is no expression": {func(s *v1alpha1.PolicySpec) {
			s.Authorities[0].Keyless = &v1alpha1.KeylessAuthority{Identities: []v1alpha1.Identity{{IssuerRegExp: "a)|(.*", Subject: "s"}}}
		}, []string{"authorities[ci].keyless.identities: issuerRegExp: \"a)|(.*\" is no regular expression: error parsing regexp: unexpected ): `a)|(.*`"}},
		"a chain's subject that is no expression": {func(s *v1alpha1.PolicySpec) {
			s.Authorities[1].Certificate = &v1alpha1.CertificateAuthority{SubjectRegExp: "["}
		}, []string{"authorities[release].certificate: subjectRegExp: \"[\" is no regular expression: error parsing regexp: missing closing ]: `[`"}},
		"a key that comes into use on no day": {func(s *v1alpha1.PolicySpec) {
			s.Authorities[0].Key = &v1alpha1.KeySource{NotBefore: new(v1alpha1.Timestamp("2027-02-30T00:00:00Z")), NotAfter: new(v1alpha1.NewTimestamp(now))}
		}, []string{`authorities[ci].key: "2027-02-30T00:00:00Z" is no moment`}},
		"a key that goes out of use on no day": {func(s *v1alpha1.PolicySpec) {
			s.Authorities[0].Key = &v1alpha1.KeySource{NotAfter: new(v1alpha1.Timestamp("2027-02-30T00:00:00Z"))}
		}, []string{`authorities[ci].key: "2027-02-30T00:00:00Z" is no moment`}},
		"authorities that can be used": {func(s *v1alpha1.PolicySpec) {
			s.Authorities[0].Keyless = &v1alpha1.KeylessAuthority{Identities: []v1alpha1.Identity{{IssuerRegExp: "a|b", Subject: "s"}}}
			s.Authorities[1].Certificate = &v1alpha1.CertificateAuthority{SubjectRegExp: "a.*"}
			s.Authorities[2].Key = &v1alpha1.KeySource{NotAfter: new(v1alpha1.NewTimestamp(now))}
		}, nil},
		"a rule of an attestation that gives no answer": {func(s *v1alpha1.PolicySpec) { s.Attestations[0].Rule = "predicate.size()" }, []string{
			"attestations[built].rule: the expression gives int, want true or false"}},
		"several are told in the fields' order": {func(s *v1alpha1.PolicySpec) { s.SBOM.Deny[0].Packages[0], s.Images[0] = "x", "x:1" }, []string{`images: the pattern matches nothing: "x:1" has a tag or a port in its path; patterns speak of repositories`, `sbom.deny[b].packages: not a pattern of package URLs: not a package URL: purl scheme is not "pkg": "x"`}},
	} {
		t.Run(name, func(t *testing.T) {
			p := deep(everyField())
			test.change(&p.Spec)
			var got []string
			for _, err := range Check(p.Spec) {
				got = append(got, err.Error())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}
