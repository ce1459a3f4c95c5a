// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// laidOut returns a policy with a layout, and followed evidence that says how the image did under it.
func laidOut() Policy {
	return Policy{
		Name: "prod/strict", Namespace: "prod", Spec: v1alpha1.PolicySpec{Layouts: []v1alpha1.LayoutRule{{Name: "chain"}}},
		Layouts: map[v1alpha1.RuleName]evidence.Fact[string]{"chain": evidence.Checked("layout")},
	}
}

func followed(result evidence.Fact[evidence.LayoutResult]) evidence.Evidence {
	return with(clean(), func(e *evidence.Evidence) {
		e.Layouts = map[string]evidence.Fact[evidence.LayoutResult]{"layout": result}
	})
}

func TestLayouts(t *testing.T) {
	broken := evidence.LayoutResult{Reason: v1alpha1.ReasonLayoutBroken, Message: "step build was taken by nobody whom the layout names"}
	passed := func(expires time.Time) evidence.Fact[evidence.LayoutResult] {
		return evidence.Checked(evidence.LayoutResult{Passed: true, Expires: expires})
	}
	const expired = "layout chain expired at 2026-11-21T12:00:00Z; have its owners sign a new one"
	reading := func(fact evidence.Fact[string]) Policy {
		p := laidOut()
		p.Layouts["chain"] = fact
		return p
	}
	for name, test := range map[string]struct {
		policy   Policy
		evidence evidence.Evidence
		want     expected
	}{
		"a layout that was followed":                   {laidOut(), followed(passed(time.Time{})), expected{Trusted, v1alpha1.ReasonPolicyPassed, "", time.Time{}}},
		"one that expires, until it does":              {laidOut(), followed(passed(tomorrow)), expected{Trusted, v1alpha1.ReasonPolicyPassed, "", tomorrow}},
		"one that expires at this moment":              {laidOut(), followed(passed(now)), expected{Rejected, v1alpha1.ReasonInvalidLayout, expired, time.Time{}}},
		"one that expires in the next":                 {laidOut(), followed(passed(now.Add(1))), expected{Trusted, v1alpha1.ReasonPolicyPassed, "", now.Add(1)}},
		"one that was not followed":                    {laidOut(), followed(evidence.Checked(broken)), expected{Rejected, broken.Reason, broken.Message, time.Time{}}},
		"one of which the result is the zero value":    {laidOut(), followed(evidence.Checked(evidence.LayoutResult{})), expected{Rejected, "", "", time.Time{}}},
		"links that nobody looked for":                 {laidOut(), clean(), expected{Undetermined, v1alpha1.ReasonAttestationUnchecked, "the links of the layout were not looked for yet", time.Time{}}},
		"links that could not be looked for":           {laidOut(), followed(evidence.Unchecked[evidence.LayoutResult](v1alpha1.ReasonRegistryUnavailable, "gone")), expected{Undetermined, v1alpha1.ReasonRegistryUnavailable, "gone", time.Time{}}},
		"a layout that nobody read":                    {reading(evidence.Fact[string]{}), followed(passed(time.Time{})), expected{Undetermined, v1alpha1.ReasonInvalidLayout, "the layout was not read yet", time.Time{}}},
		"a layout that its owners did not sign":        {reading(evidence.Unchecked[string](v1alpha1.ReasonInvalidLayout, "not signed by key 2")), followed(passed(time.Time{})), expected{Undetermined, v1alpha1.ReasonInvalidLayout, "not signed by key 2", time.Time{}}},
		"how the image did under another layout":       {reading(evidence.Checked("other")), followed(passed(time.Time{})), expected{Undetermined, v1alpha1.ReasonAttestationUnchecked, "the links of the layout were not looked for yet", time.Time{}}},
		"a result that is not known, whatever it says": {laidOut(), followed(evidence.Fact[evidence.LayoutResult]{Value: evidence.LayoutResult{Passed: true}}), expected{Undetermined, v1alpha1.ReasonAttestationUnchecked, "the links of the layout were not looked for yet", time.Time{}}},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.check(t, judged{[]Policy{test.policy}, test.evidence, Circumstances{}}.verdict())
		})
	}
}
