// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy/authority"
)

// person is somebody whom the team's issuer vouches for.
func person(name string) evidence.Signer {
	return logged(evidence.Certificate{Subject: name + "@example.com", Issuer: teamIssuer, Authority: "sigstore"})
}

func TestSignatures(t *testing.T) {
	root := func(signers ...evidence.Signer) evidence.Evidence {
		var signatures []evidence.Signed
		for _, signer := range signers {
			signatures = append(signatures, signatureBy(signer))
		}
		return under(rootAnchor, found(signatures...))
	}
	trusted := expected{Trusted, v1alpha1.ReasonPolicyPassed, "", time.Time{}}
	missing := func(signed, needed int, list string) expected {
		return expected{Rejected, v1alpha1.ReasonSignatureMissing,
			fmt.Sprintf("signed by %d of %d needed authorities; sign the digest with cosign sign; missing: %s", signed, needed, list), time.Time{}}
	}
	shared := func(signed, needed int) expected {
		return expected{Rejected, v1alpha1.ReasonSignatureMissing,
			fmt.Sprintf("signed by %d of %d needed authorities, because several names in anyOf stand for one signer; name more authorities, or lower the threshold", signed, needed), time.Time{}}
	}
	of := func(threshold int32, people map[v1alpha1.RuleName]string) Policy {
		p := signed(threshold)
		for name, expression := range people {
			p.Authorities[name] = keyless(v1alpha1.Identity{Issuer: teamIssuer, SubjectRegExp: v1alpha1.IdentityString(`(` + expression + `)@example\.com`)})
			p.Spec.Signatures[0].AnyOf = append(p.Spec.Signatures[0].AnyOf, name)
		}
		return p
	}
	// Whoever gives alice to the first authority that believes her has nobody left for the second.
	crossed := map[v1alpha1.RuleName]string{"a": "alice|bob", "b": "alice"}
	chained := map[v1alpha1.RuleName]string{"a": "alice|bob", "b": "bob|carol", "c": "alice"}
	outage := func(e evidence.Evidence) evidence.Evidence {
		statements := e.Signed[rootAnchor]
		statements.Rest = evidence.Unchecked[string](v1alpha1.ReasonRegistryUnavailable, "gone")
		e.Signed[rootAnchor] = statements
		return e
	}
	platformOnly := signatureBy(team())
	platformOnly.Manifests = []image.Digest{platform("linux/amd64").Manifest}
	attestation := statementBy(team(), reviewType, `{}`)
	windowed := func(source v1alpha1.KeySource) Policy {
		p := signed(1, "ci")
		p.Authorities["ci"] = evidence.Checked(authority.OfKey(ciAnchor, ciPrint, source))
		return p
	}
	for name, test := range map[string]struct {
		policy   Policy
		evidence evidence.Evidence
		want     expected
	}{
		"an identity":                          {signed(1, "team"), root(team()), trusted},
		"another identity under the same root": {signed(1, "team"), root(workflow()), missing(0, 1, "team (a signature does not count: its issuer is "+githubIssuer+", want "+teamIssuer+")")},
		"one among others":                     {signed(1, "team"), root(workflow(), team(), byKey("9")), trusted},
		"a certificate of one's own":           {signed(1, "own"), under(ownAnchor, found(signatureBy(own(yesterday, tomorrow)))), expected{Trusted, v1alpha1.ReasonPolicyPassed, "", tomorrow}},
		"one that is not valid yet": {signed(1, "own"), under(ownAnchor, found(signatureBy(own(tomorrow, tomorrow.Add(time.Hour))))), func() expected {
			e := missing(0, 1, "own (a signature does not count: its chain of certificates is valid from 2026-11-22T12:00:00Z to 2026-11-22T13:00:00Z only, and no timestamp says that it was signed then)")
			e.until = tomorrow
			return e
		}()},
		"an attestation is no signature":                       {signed(1, "team"), under(rootAnchor, found(attestation)), missing(0, 1, "team (no signature)")},
		"a signature of a platform is not of the image":        {signed(1, "team"), under(rootAnchor, found(platformOnly)), missing(0, 1, "team (no signature)")},
		"others are told of":                                   {signed(1, "team"), under(rootAnchor, evidence.Statements{Rest: evidence.Checked("2 signatures by others")}), missing(0, 1, "team (2 signatures by others)")},
		"a key that is not in use any more":                    {windowed(v1alpha1.KeySource{NotAfter: new(v1alpha1.NewTimestamp(yesterday))}), clean(), missing(0, 1, "ci (a signature does not count: nobody vouches for the time at which it was signed, and the key counts for a time only: sign it with a timestamp or a log entry)")},
		"a key in use when it signed":                          {windowed(v1alpha1.KeySource{NotAfter: new(v1alpha1.NewTimestamp(now))}), under(ciAnchor, found(signatureBy(evidence.Signer{Key: ciPrint, Times: []evidence.TrustedTime{{Time: yesterday}}}))), trusted},
		"two kinds count each":                                 {signed(2, "ci", "team"), root(team()), trusted},
		"three kinds count each":                               {signed(3, "ci", "team", "own"), with(root(team()), func(e *evidence.Evidence) { e.Signed[ownAnchor] = found(signatureBy(own(yesterday, tomorrow))) }), expected{Trusted, v1alpha1.ReasonPolicyPassed, "", tomorrow}},
		"one signer whom two believe counts once":              {signed(2, "team", "anyone"), root(team()), shared(1, 2)},
		"two signers whom two believe count twice":             {signed(2, "team", "anyone"), root(team(), workflow()), trusted},
		"one signer's two signatures count once":               {signed(2, "team", "anyone"), root(team(), team()), shared(1, 2)},
		"each believes both, and both signed":                  {of(2, map[v1alpha1.RuleName]string{"a": "alice|bob", "b": "alice|bob"}), root(person("alice"), person("bob")), trusted},
		"the first could take the second's only one":           {of(2, crossed), root(person("alice"), person("bob")), trusted},
		"nobody is left for the second":                        {of(2, crossed), root(person("alice")), shared(1, 2)},
		"a chain of three that must all move":                  {of(3, chained), root(person("alice"), person("bob"), person("carol")), trusted},
		"a chain of three with two signers":                    {of(3, chained), root(person("alice"), person("bob")), shared(2, 3)},
		"somebody else's second signature is missing":          {of(2, map[v1alpha1.RuleName]string{"a": "alice", "b": "bob"}), root(person("alice")), missing(1, 2, "b (a signature does not count: its subject is alice@example.com, want (bob)@example\\.com)")},
		"one signer for two, where not all could be looked at": {of(2, crossed), outage(root(person("alice"))), expected{Undetermined, v1alpha1.ReasonRegistryUnavailable, "authority a: gone", time.Time{}}},
		"enough signers, where not all could be looked at":     {of(2, crossed), outage(root(person("alice"), person("bob"))), trusted},
		"the same subject by another issuer is another signer": {func() Policy {
			p := signed(2, "anyone", "anyone-else")
			p.Authorities["anyone-else"] = p.Authorities["anyone"]
			return p
		}(), root(team(), logged(evidence.Certificate{Subject: teamSubject, Issuer: githubIssuer, Authority: "sigstore"})), trusted},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.check(t, judged{[]Policy{test.policy}, test.evidence, Circumstances{}}.verdict())
		})
	}
}

func TestVouchedForIsWhatEverySignerRulePasses(t *testing.T) {
	for name, test := range map[string]struct {
		policies []Policy
		evidence evidence.Evidence
		want     bool
	}{
		"nobody is asked":                      {[]Policy{{}}, evidence.Evidence{}, true},
		"who is asked signed":                  {[]Policy{signed(1, "ci")}, clean(), true},
		"what else fails does not matter":      {[]Policy{signed(1, "ci"), blocking(low), nonRootOnly()}, clean(openssl), true},
		"who is asked did not":                 {[]Policy{signed(1, "release")}, clean(), false},
		"one of two rules":                     {[]Policy{signed(1, "ci"), reviewed("ci")}, clean(), false},
		"an attestation that is there":         {[]Policy{reviewed("ci")}, attestedBy(review(`{}`)), true},
		"a layout that nobody looked at":       {[]Policy{laidOut()}, clean(), false},
		"a chain that has expired by that day": {[]Policy{signed(1, "own")}, under(ownAnchor, found(signatureBy(own(yesterday, now)))), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := IsVouchedFor(test.policies, test.evidence, now); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
