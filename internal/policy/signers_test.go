// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy/authority"
	"github.com/assay-dev/assay/internal/predicate"
)

// listing returns the policy with the authorities that its rules name in its spec, as one from a cluster has them.
func listing(p Policy) Policy {
	for _, name := range referredTo(p.Spec) {
		p.Spec.Authorities = append(p.Spec.Authorities, v1alpha1.Authority{Name: name})
	}
	return p
}

func TestSigners(t *testing.T) {
	at := new(v1alpha1.NewTimestamp(yesterday))
	build := workflow()
	build.Certificate.SourceDigest = "693130cb6cb840a7bc9cb18c6510d536a95dc7e6"
	build.Entries = []evidence.LogEntry{{Log: "rekor.example.com", Index: 7}}
	signature := v1alpha1.SignerReference{Authority: "ci", Identity: ciPrint}
	built := v1alpha1.SignerReference{
		Authority: "builder", Identity: workflowID, Issuer: githubIssuer, SignedAt: at, SignedAtBy: evidence.WitnessLog, LogEntry: "rekor.example.com 7",
		Source: "https://github.com/shop/checkout@refs/heads/main", Commit: build.Certificate.SourceDigest,
	}
	provenance := built
	provenance.PredicateType, provenance.Builder, provenance.Source, provenance.Commit = predicate.ProvenanceV02, generatorID, "https://github.com/shop/checkout@refs/tags/v1.2.3",
		"693130cb6cb840a7bc9cb18c6510d536a95dc7e6"
	unread := built
	unread.PredicateType = predicate.ProvenanceV02
	reviewing := v1alpha1.SignerReference{Authority: "ci", Identity: ciPrint, PredicateType: reviewType}
	wanted := listing(demanding(v1alpha1.AttestationRule{PredicateType: predicate.ProvenanceV02, SignedBy: []v1alpha1.RuleName{"builder"}}))
	stated := statementBy(build, predicate.ProvenanceV02, provenanceV02)
	unstated := stated
	unstated.Statement = nil
	for name, test := range map[string]struct {
		policies []Policy
		evidence evidence.Evidence
		want     []v1alpha1.SignerReference
	}{
		"a key":                              {[]Policy{listing(signed(1, "ci"))}, clean(), []v1alpha1.SignerReference{signature}},
		"a key that no rule asks":            {[]Policy{listing(signed(1, "release"))}, clean(), nil},
		"two names of one key are one":       {[]Policy{listing(signed(1, "ci-again", "ci")), listing(signed(1, "ci"))}, clean(), []v1alpha1.SignerReference{signature}},
		"a build":                            {[]Policy{listing(signed(1, "builder"))}, under(rootAnchor, found(signatureBy(build))), []v1alpha1.SignerReference{built}},
		"somebody else under the same root":  {[]Policy{listing(signed(1, "builder"))}, under(rootAnchor, found(signatureBy(team()))), nil},
		"a provenance":                       {[]Policy{wanted}, under(rootAnchor, found(stated)), []v1alpha1.SignerReference{provenance}},
		"a provenance that nobody read":      {[]Policy{wanted}, under(rootAnchor, found(unstated)), []v1alpha1.SignerReference{unread}},
		"a statement that no rule asks for":  {[]Policy{listing(signed(1, "builder"))}, under(rootAnchor, found(stated)), nil},
		"a signature that no rule asks for":  {[]Policy{wanted}, under(rootAnchor, found(signatureBy(build))), nil},
		"signatures before statements":       {[]Policy{listing(reviewed("ci")), listing(signed(1, "ci"))}, attestedBy(review(`{}`), signatureBy(byKey(ciPrint))), []v1alpha1.SignerReference{signature, reviewing}},
		"an authority that cannot be used":   {[]Policy{listing(signed(1, "broken"))}, clean(), nil},
		"a chain that is not valid any more": {[]Policy{listing(signed(1, "own"))}, under(ownAnchor, found(signatureBy(own(yesterday, now)))), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Signers(test.policies, test.evidence, now)); diff != "" {
				t.Errorf("signers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSignersFitAStatus(t *testing.T) {
	long := strings.Repeat("\x1b[2J\u202e\n", 1000)
	var signatures []evidence.Signed
	for i := range 20 {
		signer := logged(evidence.Certificate{Subject: fmt.Sprint(i, long), Issuer: long, SourceRepository: long, SourceRef: long, SourceDigest: long})
		signer.Entries = []evidence.LogEntry{{Log: long, Index: 1 << 60}}
		signatures = append(signatures, signatureBy(signer))
	}
	p := listing(signed(1, "anyone"))
	p.Authorities["anyone"] = keyless(v1alpha1.Identity{IssuerRegExp: "(?s).*", SubjectRegExp: "(?s).*"})
	signers := Signers([]Policy{p}, under(rootAnchor, found(signatures...)), now)
	if len(signers) != 8 {
		t.Fatalf("%d signers", len(signers))
	}
	for _, s := range signers {
		assertPrintable(t, s.Identity, 512)
		assertPrintable(t, s.Issuer, 256)
		assertPrintable(t, s.Source, 384)
		assertPrintable(t, s.Commit, 64)
		assertPrintable(t, s.LogEntry, 192)
	}
}

func TestKeysThatAreAboutToGo(t *testing.T) {
	const notice = 30 * 24 * time.Hour
	ending := func(at time.Time) v1alpha1.SignerReference {
		p := listing(signed(1, "ci"))
		p.Authorities["ci"] = evidence.Checked(authority.OfKey(ciAnchor, ciPrint, v1alpha1.KeySource{NotAfter: new(v1alpha1.NewTimestamp(at))}))
		signer := evidence.Signer{Key: ciPrint, Times: []evidence.TrustedTime{{Time: yesterday.AddDate(-1, 0, 0), By: evidence.WitnessTimestamp}}}
		return Signers([]Policy{p}, under(ciAnchor, found(signatureBy(signer))), now)[0]
	}
	for name, test := range map[string]struct {
		signers  []v1alpha1.SignerReference
		expiring int
		next     time.Time
	}{
		"no key":                        {nil, 0, time.Time{}},
		"a key without an end":          {[]v1alpha1.SignerReference{{Identity: ciPrint}}, 0, time.Time{}},
		"a key in its last month":       {[]v1alpha1.SignerReference{ending(now.Add(notice - time.Second))}, 1, time.Time{}},
		"a key whose last month begins": {[]v1alpha1.SignerReference{ending(now.Add(notice))}, 1, time.Time{}},
		"a key just before that":        {[]v1alpha1.SignerReference{ending(now.Add(notice + time.Second))}, 0, now.Add(time.Second)},
		"a key out of use":              {[]v1alpha1.SignerReference{ending(yesterday)}, 1, time.Time{}},
		"the next of several":           {[]v1alpha1.SignerReference{ending(now.Add(notice + 2*time.Hour)), ending(now.Add(notice + time.Hour)), ending(yesterday)}, 1, now.Add(time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			expiring, next := ExpiringKeys(test.signers, now)
			if len(expiring) != test.expiring || !next.Equal(test.next) {
				t.Errorf("%d expiring, the next at %s", len(expiring), next)
			}
		})
	}
}

func TestAttachedIsWhatAVerdictRestsOn(t *testing.T) {
	digest := func(name string) image.Digest { return image.DigestOf([]byte(name)) }
	as := func(name string, s evidence.Signed) evidence.Signed {
		s.Attached = digest(name)
		return s
	}
	e := with(clean(), func(e *evidence.Evidence) {
		e.Signed[ciAnchor] = found(as("signature", signatureBy(byKey(ciPrint))), as("review", review(`{}`)), as("other", statementBy(byKey(ciPrint), predicate.SPDX, spdx)))
		e.Signed[rootAnchor] = found(as("stranger", signatureBy(workflow())), as("team", signatureBy(team())))
	})
	for name, test := range map[string]struct {
		policies []Policy
		want     []string
	}{
		"no policy":                   {nil, nil},
		"a signature":                 {[]Policy{listing(signed(1, "ci"))}, []string{"signature"}},
		"one named by two":            {[]Policy{listing(signed(1, "ci", "ci-again")), listing(signed(1, "ci"))}, []string{"signature"}},
		"a statement":                 {[]Policy{listing(reviewed("ci"))}, []string{"review"}},
		"of one root, those believed": {[]Policy{listing(signed(1, "team"))}, []string{"team"}},
		"of several policies":         {[]Policy{listing(reviewed("ci")), listing(signed(1, "ci", "team"))}, []string{"review", "signature", "team"}},
		"an authority without a key":  {[]Policy{listing(signed(1, "broken"))}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var want []image.Digest
			for _, name := range test.want {
				want = append(want, digest(name))
			}
			slices.SortFunc(want, func(a, b image.Digest) int { return strings.Compare(a.Hex(), b.Hex()) })
			if diff := cmp.Diff(want, Attached(test.policies, e, now), cmpopts.EquateComparable(image.Digest{})); diff != "" {
				t.Errorf("attached (-want +got):\n%s", diff)
			}
		})
	}
}
