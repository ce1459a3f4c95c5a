// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy/authority"
	"github.com/assay-dev/assay/internal/predicate"
)

// Limits of the API on what a status says of signers.
const (
	maxSigners  = 8
	maxIdentity = 512
	maxIssuer   = 256
	maxLogEntry = 192
	maxSource   = 384
	maxCommit   = 64
)

// Signers returns who signed the image, or stated something about it, and whom a rule of the policies believes, fit for a status: signatures
// first. What is stated is told as far as the statements were read.
func Signers(policies []Policy, e evidence.Evidence, now time.Time) []v1alpha1.SignerReference {
	var signers []v1alpha1.SignerReference
	eachBelieved(policies, e, now, func(name v1alpha1.RuleName, believed authority.Authority, signed evidence.Signed) {
		reference := referenceOf(name, believed, signed)
		if !slices.ContainsFunc(signers, func(other v1alpha1.SignerReference) bool { return sameSigner(other, reference) }) {
			signers = append(signers, reference)
		}
	})
	slices.SortStableFunc(signers, func(a, b v1alpha1.SignerReference) int {
		return cmp.Or(cmp.Compare(a.PredicateType, b.PredicateType), cmp.Compare(a.Identity, b.Identity), cmp.Compare(a.LogEntry, b.LogEntry))
	})
	if len(signers) <= maxSigners {
		return signers
	}
	// Keys that go out of use are not left out.
	slices.SortStableFunc(signers, func(a, b v1alpha1.SignerReference) int {
		switch {
		case (a.NotAfter != nil) == (b.NotAfter != nil):
			return 0
		case a.NotAfter != nil:
			return -1
		}
		return 1
	})
	return signers[:maxSigners]
}

// Attached returns what is attached to the image and whose signer a rule of the policies believes: the inputs of their verdict. Each is
// named once, in the order of the digests.
func Attached(policies []Policy, e evidence.Evidence, now time.Time) []image.Digest {
	var attached []image.Digest
	eachBelieved(policies, e, now, func(_ v1alpha1.RuleName, _ authority.Authority, signed evidence.Signed) {
		if !slices.Contains(attached, signed.Attached) {
			attached = append(attached, signed.Attached)
		}
	})
	slices.SortFunc(attached, func(a, b image.Digest) int { return cmp.Compare(a.Hex(), b.Hex()) })
	return attached
}

// eachBelieved visits what rules of the policies look for and believe, by policy and by authority.
func eachBelieved(policies []Policy, e evidence.Evidence, now time.Time, visit func(v1alpha1.RuleName, authority.Authority, evidence.Signed)) {
	for _, p := range sorted(policies) {
		for _, a := range byName(p.Spec.Authorities, func(a v1alpha1.Authority) v1alpha1.RuleName { return a.Name }) {
			believed := p.Authorities[a.Name]
			if believed.State != evidence.Known {
				continue
			}
			for _, signed := range e.Signed[believed.Value.Anchor].Signed {
				if _, err := believed.Value.Accepts(signed.Signer, now); err == nil && counts(p.Spec, a.Name, signed, e) {
					visit(a.Name, believed.Value, signed)
				}
			}
		}
	}
}

// counts says that a rule of the policy looks for such a statement by the authority.
func counts(spec v1alpha1.PolicySpec, name v1alpha1.RuleName, signed evidence.Signed, e evidence.Evidence) bool {
	if signed.PredicateType == evidence.SignaturePredicate {
		return isSignature(signed, e) && slices.ContainsFunc(spec.Signatures, func(r v1alpha1.SignatureRule) bool { return slices.Contains(r.AnyOf, name) })
	}
	return slices.ContainsFunc(spec.Attestations, func(r v1alpha1.AttestationRule) bool {
		return r.PredicateType == signed.PredicateType && slices.Contains(r.SignedBy, name)
	})
}

func sameSigner(a, b v1alpha1.SignerReference) bool {
	return a.Identity == b.Identity && a.PredicateType == b.PredicateType && a.LogEntry == b.LogEntry && a.Source == b.Source && a.Commit == b.Commit
}

func referenceOf(name v1alpha1.RuleName, believed authority.Authority, signed evidence.Signed) v1alpha1.SignerReference {
	reference := v1alpha1.SignerReference{Authority: string(name), Identity: signed.Signer.Key}
	if signed.PredicateType != evidence.SignaturePredicate {
		reference.PredicateType = evidence.Printable(signed.PredicateType, maxIssuer)
	}
	if c := signed.Signer.Certificate; c != nil {
		reference.Identity, reference.Issuer = evidence.Printable(c.Subject, maxIdentity), evidence.Printable(c.Issuer, maxIssuer)
		reference.Source = evidence.Printable(at(c.SourceRepository, c.SourceRef), maxSource)
		reference.Commit = evidence.Printable(c.SourceDigest, maxCommit)
	}
	if len(signed.Signer.Times) > 0 {
		signedAt := v1alpha1.NewTimestamp(signed.Signer.Times[0].Time)
		reference.SignedAt, reference.SignedAtBy = &signedAt, signed.Signer.Times[0].By
	}
	if len(signed.Signer.Entries) > 0 {
		entry := signed.Signer.Entries[0]
		reference.LogEntry = evidence.Printable(fmt.Sprintf("%s %d", entry.Log, entry.Index), maxLogEntry)
	}
	if !believed.NotAfter.IsZero() {
		notAfter := v1alpha1.NewTimestamp(believed.NotAfter)
		reference.NotAfter = &notAfter
	}
	addProvenance(&reference, signed)
	return reference
}

// addProvenance adds what a provenance says of builder and source.
func addProvenance(reference *v1alpha1.SignerReference, signed evidence.Signed) {
	if signed.Statement == nil || signed.PredicateType != predicate.ProvenanceV02 && signed.PredicateType != predicate.ProvenanceV1 {
		return
	}
	statement, err := predicate.Parse(signed.Statement)
	if err != nil {
		return
	}
	provenance, err := predicate.ParseProvenance(signed.PredicateType, statement.Predicate)
	if err != nil {
		return
	}
	reference.Builder = evidence.Printable(provenance.Builder, maxSource)
	if len(provenance.Sources) > 0 {
		reference.Source = evidence.Printable(provenance.Sources[0].String(), maxSource)
		reference.Commit = evidence.Printable(provenance.Sources[0].Commit, maxCommit)
	}
}

func at(repository, ref string) string {
	if repository == "" || ref == "" {
		return repository
	}
	return repository + "@" + ref
}

// keyNotice is how long before its end a key is said to go out of use.
const keyNotice = 30 * 24 * time.Hour

// ExpiringKeys returns the signers whose keys go out of use within 30 days or are out of use, and when the next one begins to be, the zero
// time for never.
func ExpiringKeys(signers []v1alpha1.SignerReference, now time.Time) (expiring []v1alpha1.SignerReference, next time.Time) {
	for _, signer := range signers {
		if signer.NotAfter == nil {
			continue
		}
		notice := signer.NotAfter.Time().Add(-keyNotice)
		switch {
		case !notice.After(now):
			expiring = append(expiring, signer)
		case next.IsZero() || notice.Before(next):
			next = notice
		}
	}
	return expiring, next
}
