// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// judgeSignatures says whether enough distinct authorities signed the image. Two names of one key count once. When too few
// did, and one could not be asked or has no usable key, nobody knows.
func judgeSignatures(rule v1alpha1.SignatureRule, authorities map[v1alpha1.RuleName]evidence.Fact[string],
	signatures map[string]evidence.Fact[evidence.Signature],
) judgement {
	signed := map[string]bool{} // fingerprints
	var missing []string
	var undecided *judgement
	for _, name := range slices.Sorted(slices.Values(rule.AnyOf)) {
		verified, j := judgeAuthority(name, authorities[name], signatures)
		switch {
		case verified:
			signed[authorities[name].Value] = true
		case j.of == v1alpha1.ResultFail:
			missing = append(missing, j.message)
		case undecided == nil:
			undecided = &j
		}
	}
	needed := int(threshold(rule))
	switch {
	case len(signed) >= needed:
		return pass()
	case undecided != nil:
		return *undecided
	default:
		return fail(v1alpha1.ReasonSignatureMissing, describeMissing(len(signed), needed, missing))
	}
}

// judgeAuthority says whether one authority signed, and otherwise why it is not known that it did, or that it did not.
func judgeAuthority(name v1alpha1.RuleName, key evidence.Fact[string],
	signatures map[string]evidence.Fact[evidence.Signature],
) (verified bool, j judgement) {
	if key.State != evidence.Known {
		j := unknown(key, v1alpha1.ReasonSignatureUnchecked, "its key was not looked at yet")
		j.message = fmt.Sprintf("authority %s: %s", name, j.message)
		return false, j
	}
	signature := signatures[key.Value]
	switch {
	case signature.State != evidence.Known:
		j := unknown(signature, v1alpha1.ReasonSignatureUnchecked, "its signature was not looked for yet")
		j.message = fmt.Sprintf("authority %s: %s", name, j.message)
		return false, j
	case signature.Value.Verified:
		return true, judgement{}
	default:
		found := signature.Value.Message
		if found == "" {
			found = "no signature"
		}
		return false, fail(v1alpha1.ReasonSignatureMissing, fmt.Sprintf("%s (%s)", name, evidence.Printable(found, maxFound)))
	}
}

// maxFound bounds what was found instead of a signature, in characters of a message.
const maxFound = 120

func describeMissing(signed, needed int, missing []string) string {
	found := fmt.Sprintf("signed by %d of %d needed authorities", signed, needed)
	if len(missing) == 0 {
		return found + ", because names in anyOf share a key; name more authorities, or lower the threshold"
	}
	return found + "; sign the digest with cosign sign --key; missing: " + strings.Join(missing, ", ")
}

// threshold returns how many authorities must have signed; the API server writes the default of 1.
func threshold(rule v1alpha1.SignatureRule) int32 { return max(1, rule.Threshold) }
