// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/policy/authority"
)

// judgeSignatures says whether enough distinct authorities signed the image: as many as different signers can stand for, so that neither two
// names of one key nor one signer that two authorities believe count twice. When too few did, and one could not be asked, nobody knows.
func (t *trial) judgeSignatures(rule v1alpha1.SignatureRule, authorities map[v1alpha1.RuleName]evidence.Fact[authority.Authority]) judgement {
	var signers [][]string // of each authority that was signed by
	var missing []string
	var undecided *judgement
	for _, name := range slices.Sorted(slices.Values(rule.AnyOf)) {
		by, j := t.judgeAuthority(name, authorities[name])
		if len(by) > 0 {
			signers = append(signers, by)
		}
		switch {
		case j.of == v1alpha1.ResultFail:
			missing = append(missing, j.message)
		case j.of == v1alpha1.ResultUnknown && undecided == nil:
			undecided = &j
		}
	}
	needed := int(threshold(rule))
	switch signed := distinct(signers); {
	case signed >= needed:
		return pass()
	case undecided != nil:
		return *undecided
	default:
		return fail(v1alpha1.ReasonSignatureMissing, describeMissing(signed, needed, missing))
	}
}

// judgeAuthority returns who signed for an authority, and whether that is all, or else why it is not known that it did, or that it did not.
func (t *trial) judgeAuthority(name v1alpha1.RuleName, believed evidence.Fact[authority.Authority]) (by []string, j judgement) {
	if believed.State != evidence.Known {
		return nil, unusable(name, believed)
	}
	statements := t.evidence.Signed[believed.Value.Anchor]
	found := ""
	for _, statement := range statements.Signed {
		if !isSignature(statement, t.evidence) {
			continue
		}
		until, err := believed.Value.Accepts(statement.Signer, t.now)
		t.changesAt(until)
		if err != nil {
			found = "a signature does not count: " + err.Error()
			continue
		}
		by = append(by, identifier(statement.Signer))
	}
	switch {
	case statements.Rest.State != evidence.Known:
		return by, unlooked(name, statements.Rest, v1alpha1.ReasonSignatureUnchecked, "its signature was not looked for yet")
	case len(by) > 0:
		return by, pass()
	case found == "":
		found = cmp.Or(statements.Rest.Value, statements.Rest.Message, "no signature")
	}
	return nil, fail(v1alpha1.ReasonSignatureMissing, fmt.Sprintf("%s (%s)", name, evidence.Printable(found, maxFound)))
}

// isSignature says that the statement is a signature of the image itself.
func isSignature(statement evidence.Signed, e evidence.Evidence) bool {
	return statement.PredicateType == evidence.SignaturePredicate && slices.Contains(statement.Manifests, e.Image.Digest)
}

// unusable tells of an authority that cannot be used.
func unusable(name v1alpha1.RuleName, believed evidence.Fact[authority.Authority]) judgement {
	return unlooked(name, believed, v1alpha1.ReasonSignatureUnchecked, "what it is made of was not looked at yet")
}

// unlooked tells why it is not known whether an authority signed.
func unlooked[T any](name v1alpha1.RuleName, fact evidence.Fact[T], fallback, waiting string) judgement {
	j := unknown(fact, fallback, waiting)
	j.message = fmt.Sprintf("authority %s: %s", name, j.message)
	return j
}

// identifier tells signers apart: by their key, or by their subject and who vouches for it.
func identifier(signer evidence.Signer) string {
	if signer.Certificate == nil {
		return "key " + signer.Key
	}
	return fmt.Sprintf("certificate %q %q %q", signer.Certificate.Authority, signer.Certificate.Issuer, signer.Certificate.Subject)
}

// distinct returns to how many of the authorities a signer of its own can be given (a maximum bipartite matching).
func distinct(signers [][]string) int {
	given := map[string]int{} // the authority that a signer stands for
	var give func(authority int, tried map[string]bool) bool
	give = func(authority int, tried map[string]bool) bool {
		for _, signer := range signers[authority] {
			if tried[signer] {
				continue
			}
			tried[signer] = true
			if holder, taken := given[signer]; !taken || give(holder, tried) {
				given[signer] = authority
				return true
			}
		}
		return false
	}
	count := 0
	for authority := range signers {
		if give(authority, map[string]bool{}) {
			count++
		}
	}
	return count
}

// maxFound bounds what was found instead of a signature, in characters of a message.
const maxFound = 320

func describeMissing(signed, needed int, missing []string) string {
	found := fmt.Sprintf("signed by %d of %d needed authorities", signed, needed)
	if len(missing) == 0 {
		return found + ", because several names in anyOf stand for one signer; name more authorities, or lower the threshold"
	}
	return found + "; sign the digest with cosign sign; missing: " + strings.Join(missing, ", ")
}

// threshold returns how many authorities must have signed; the API server writes the default of 1.
func threshold(rule v1alpha1.SignatureRule) int32 { return max(1, rule.Threshold) }
