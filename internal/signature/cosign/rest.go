// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign

import (
	"errors"
	"fmt"
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/signature"
)

// rest tells what was found that does not count under the anchor, or why not everything could be looked at.
func (l *look) rest(a *anchor) evidence.Fact[string] {
	switch {
	case a.unfit != nil && (a.bare || errors.Is(a.unfit, signature.ErrInvalidKey)):
		return evidence.Unchecked[string](v1alpha1.ReasonInvalidKey, presentable(a.unfit.Error()))
	case a.unfit != nil:
		return evidence.Unchecked[string](v1alpha1.ReasonInvalidTrustRoot, presentable(a.unfit.Error()))
	case l.hindrance != nil:
		return evidence.Unchecked[string](reason(l.hindrance), presentable(l.hindrance.Error()))
	case a.hindrance != nil:
		return evidence.Unchecked[string](reason(a.hindrance), presentable(a.hindrance.Error()))
	}
	told := evidence.Checked(presentable(l.discounted(a)))
	if told.Value == "" && len(a.signed) == 0 {
		told.Message = presentable("no signature found: " + a.hint(l))
	}
	return told
}

// discounted tells what does not count under the anchor, and what is wrong with the first of it.
func (l *look) discounted(a *anchor) string {
	var parts, others []string
	if a.signatures > 0 {
		others = append(others, counted(a.signatures, "signature"))
	}
	if a.attestations > 0 {
		others = append(others, counted(a.attestations, "attestation"))
	}
	why := a.why
	if len(others) > 0 {
		parts = append(parts, strings.Join(others, " and ")+" by others")
	}
	switch {
	case l.unusable > 0 && len(others) > 0:
		parts = append(parts, counted(l.unusable, "unusable one"))
	case l.unusable > 0:
		parts = append(parts, counted(l.unusable, "unusable signature or attestation"))
	}
	if l.unusable > 0 {
		why = l.why
	} else if a.bare {
		why = nil // by others says it all
	}
	sentence := strings.Join(parts, " and ")
	if sentence != "" && why != nil {
		sentence += ": " + why.Error()
	}
	return sentence
}

// hint says what to do where nothing is signed.
func (a *anchor) hint(l *look) string {
	switch {
	case a.Key != nil:
		return fmt.Sprintf("sign it with cosign sign --key <key> %s", l.search.Reference)
	case len(a.Root) > 0:
		return fmt.Sprintf("sign it with cosign sign %s", l.search.Reference)
	}
	return fmt.Sprintf("sign it with cosign sign --key <key> --certificate <certificate> %s", l.search.Reference)
}
