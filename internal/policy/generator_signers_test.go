// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy/authority"
	"github.com/assay-dev/assay/internal/predicate"
)

// authority is one of each kind, of few keys and names, so that several often believe the same signer.
func (g generator) authority() believed {
	subject := pick[v1alpha1.IdentityString](g, "x", "y")
	switch g.IntN(8) {
	case 0, 1:
		return believedKey(pick(g, "1", "2", "3"))
	case 2:
		window := v1alpha1.KeySource{NotBefore: g.bound(), NotAfter: g.bound()}
		return evidence.Checked(authority.OfKey("key-3", "3", window))
	case 3:
		return keyless(v1alpha1.Identity{Issuer: "i", Subject: subject})
	case 4:
		return keyless(v1alpha1.Identity{IssuerRegExp: "i|j", SubjectRegExp: subject + "|z", SourceRef: pick[v1alpha1.IdentityString](g, "", "refs/heads/*")})
	case 5:
		return chain(v1alpha1.CertificateAuthority{Subject: pick[v1alpha1.IdentityString](g, "", subject)})
	case 6:
		return evidence.Unchecked[authority.Authority](v1alpha1.ReasonInvalidKey, "invalid")
	default:
		return believed{}
	}
}

// bound of a key's window; none half of the time, and sometimes one that no calendar has.
func (g generator) bound() *v1alpha1.Timestamp {
	switch g.IntN(8) {
	case 0:
		return new(v1alpha1.Timestamp("2026-02-30T00:00:00Z"))
	case 1, 2, 3:
		return new(v1alpha1.NewTimestamp(g.moment()))
	default:
		return nil
	}
}

// The types of attestations, of which Assay reads the first two.
var attestedTypes = []string{predicate.ProvenanceV1, predicate.ScanV1, reviewType}

// demands gives the policy rules on who made the image, and how.
func (g generator) demands(p *Policy) {
	for i := range g.IntN(2) {
		anyOf := []v1alpha1.RuleName{"a", "b", "c"}[:1+g.IntN(3)]
		p.Spec.Signatures = append(p.Spec.Signatures, v1alpha1.SignatureRule{
			Name: v1alpha1.RuleName(fmt.Sprintf("s%d", i)), AnyOf: slices.Clone(anyOf), Threshold: int32(g.IntN(len(anyOf) + 1)),
		})
	}
	for i := range g.IntN(8) / 6 {
		rule := v1alpha1.AttestationRule{
			Name: v1alpha1.RuleName(fmt.Sprintf("t%d", i)), PredicateType: pick(g, attestedTypes...), SignedBy: slices.Clone([]v1alpha1.RuleName{"a", "b", "c"}[:1+g.IntN(3)]),
			Rule: pick(g, "", "", "predicate.n > 0", "predicate.n +", "predicate.m"),
		}
		switch rule.PredicateType {
		case predicate.ProvenanceV1:
			rule.SLSA = &v1alpha1.ProvenanceRules{Builders: patterns("b0", "b*")[g.IntN(2):], Sources: patterns("https://h/s0")[g.IntN(2):], MinLevel: int32(g.IntN(2))}
		case predicate.ScanV1:
			rule.Scan = &v1alpha1.ScanAttestationRules{MaxAge: pick[v1alpha1.Duration](g, "1h", "30h", "60h")}
		}
		p.Spec.Attestations = append(p.Spec.Attestations, rule)
	}
	if g.IntN(12) == 0 {
		p.Spec.Layouts = []v1alpha1.LayoutRule{{Name: "l0"}, {Name: "l1"}}[g.IntN(2):]
		p.Layouts = map[v1alpha1.RuleName]evidence.Fact[string]{
			"l0": evidence.Checked("layout"), "l1": pick(g, evidence.Checked("layout"), evidence.Checked("other"), evidence.Unchecked[string](v1alpha1.ReasonInvalidLayout, "invalid")),
		}
	}
}

// sign gives the evidence what was signed about the image, with VEX documents, and how it did under a layout.
func (g generator) sign(e *evidence.Evidence) {
	e.Signed = map[string]evidence.Statements{}
	for _, anchor := range []string{"key-1", "key-2", "key-3", rootAnchor, ownAnchor} {
		var signed []evidence.Signed
		for range g.IntN(4) {
			signed = append(signed, g.signed(*e, anchor))
		}
		e.Signed[anchor] = evidence.Statements{Signed: signed, Rest: pick(g, evidence.Checked(""), evidence.Checked(""), evidence.Checked("2 signatures by others"),
			evidence.Unchecked[string](v1alpha1.ReasonRegistryUnavailable, "gone"), evidence.Fact[string]{})}
		for range max(0, g.IntN(4)-1) {
			e.VEX = append(e.VEX, documentBy(anchor, g.signer(anchor), g.attested()))
		}
	}
	e.Layouts = map[string]evidence.Fact[evidence.LayoutResult]{"layout": pick(g,
		evidence.Checked(evidence.LayoutResult{Passed: true, Expires: g.moment()}), evidence.Checked(evidence.LayoutResult{Reason: v1alpha1.ReasonLayoutBroken, Message: "broken"}),
		evidence.Unchecked[evidence.LayoutResult](v1alpha1.ReasonRegistryUnavailable, "gone"))}
}

// signer is one who may be found under the anchor: its key, or somebody with a certificate.
func (g generator) signer(anchor string) evidence.Signer {
	var times []evidence.TrustedTime
	for range g.IntN(3) {
		times = append(times, evidence.TrustedTime{Time: g.moment(), By: pick(g, evidence.WitnessLog, evidence.WitnessTimestamp)})
	}
	if key, is := strings.CutPrefix(anchor, "key-"); is {
		return evidence.Signer{Key: key, Times: times}
	}
	from := now.Add(time.Duration(g.IntN(96)-72) * time.Hour)
	return evidence.Signer{Times: times, Certificate: &evidence.Certificate{
		Subject: pick(g, "x", "y"), Issuer: pick(g, "i", "i", "j"), SourceRef: pick(g, "", "refs/heads/main"), NotBefore: from, NotAfter: from.Add(time.Duration(g.IntN(96)) * time.Hour),
	}}
}

// signed is a signature or an attestation of the image or of its platforms' images.
func (g generator) signed(e evidence.Evidence, anchor string) evidence.Signed {
	about := pick(g, []image.Digest{e.Image.Digest}, []image.Digest{e.Image.Digest}, []image.Digest{e.Image.Digest}, []image.Digest{image.DigestOf([]byte{0})}, []image.Digest{image.DigestOf([]byte{1})}, nil)
	if g.IntN(2) == 0 {
		return evidence.Signed{PredicateType: evidence.SignaturePredicate, Manifests: about, Signer: g.signer(anchor)}
	}
	predicateType := pick(g, attestedTypes...)
	s := statementBy(g.signer(anchor), predicateType, g.predicate(predicateType), about...)
	s.Manifests = about
	if g.IntN(8) == 0 {
		s.Statement = pick(g, nil, []byte(`{`))
	}
	return s
}

func (g generator) predicate(predicateType string) string {
	n := pick(g, `,"n":0`, `,"n":1`, `,"n":1,"m":true`, ``)
	switch predicateType {
	case predicate.ProvenanceV1:
		return fmt.Sprintf(`{"buildDefinition":{"buildType":"t","externalParameters":{"source":"git+https://h/s%d"}},"runDetails":{"builder":{"id":"b%d"}}%s}`, g.IntN(2), g.IntN(2), n)
	case predicate.ScanV1:
		return fmt.Sprintf(`{"scanner":{},"metadata":{"scanFinishedOn":%q}%s}`, g.moment().Format(time.RFC3339), n)
	default:
		return `{"x":0` + n + `}`
	}
}

// forgetStatements returns what was signed without what was found under an anchor, or what a statement says.
func (g generator) forgetStatements(all map[string]evidence.Statements) map[string]evidence.Statements {
	all = maps.Clone(all)
	anchor := pick(g, slices.Sorted(maps.Keys(all))...)
	if g.IntN(2) == 0 {
		delete(all, anchor)
		return all
	}
	statements := all[anchor]
	statements.Signed = slices.Clone(statements.Signed)
	for i := range statements.Signed {
		statements.Signed[i].Statement = nil
	}
	all[anchor] = statements
	return all
}
