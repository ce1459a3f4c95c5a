// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// MaxPolicies is how many policies may speak of one image in a namespace. With more of them it is rejected, since a tenant
// must neither loosen what others demand nor make judging expensive by adding policies.
const MaxPolicies = 64

// Limits of a rule's result, as the API has them, in characters.
const (
	maxReason  = 64
	maxMessage = 512
)

// Paths of the rules that judge, and of the two things that must be there before any rule can.
const (
	ruleBlock     = "vulnerabilities.block"
	ruleSignature = "signatures"
	ruleDeny      = "sbom.deny"
	ruleUser      = "image.user"
	rulePolicies  = "policies"
	rulePlatforms = "platforms"
)

// Circumstances are what a verdict depends on beside the image and the policies.
type Circumstances struct {
	// Now is the time of the judgement.
	Now time.Time
	// TrustedAt is when the environment came to trust the digest; the zero time for a candidate.
	TrustedAt time.Time
	// Replaces is the evidence on the digest that the environment trusted before this one, for a candidate the one that it
	// trusts now; nil when there is none.
	Replaces *evidence.Evidence
}

// Judge judges an image under the policies that speak of it (see Matching). Each policy judges by what its own rules need: one
// without rules on vulnerabilities does not look at findings, and one without any rule passes, which is an explicit
// choice. Not even that one passes an image of which no platform was looked at.
//
// A rule of vulnerabilities.block fails by one finding that meets it on one platform. It passes only when the inventory
// of every platform is complete and was matched, and, when it asks for exploited vulnerabilities, the catalogue of them is known.
func Judge(policies []Policy, e evidence.Evidence, c Circumstances) Verdict {
	if len(policies) == 0 {
		return conclude([]v1alpha1.RuleResult{{
			Rule: rulePolicies, Result: v1alpha1.ResultUnknown, Reason: v1alpha1.ReasonNoMatchingPolicy,
			Message: "no policy speaks of this image in this namespace; create an ImagePolicy or a ClusterImagePolicy that does",
		}})
	}
	if len(policies) > MaxPolicies {
		return conclude([]v1alpha1.RuleResult{{
			Rule: rulePolicies, Result: v1alpha1.ResultFail, Reason: v1alpha1.ReasonPolicyInvalid,
			Message: fmt.Sprintf("%d policies speak of this image, and at most %d may; put several into one", len(policies), MaxPolicies),
		}})
	}
	var rules []v1alpha1.RuleResult
	if len(e.Platforms) == 0 {
		rules = append(rules, v1alpha1.RuleResult{
			Rule: rulePlatforms, Result: v1alpha1.ResultUnknown, Reason: v1alpha1.ReasonInProgress,
			Message: "no platform of the image was looked at yet",
		})
	}
	seen := sightings(e)
	for _, p := range sorted(policies) {
		rules = append(rules, judgePolicy(p, e, seen)...)
	}
	return conclude(rules)
}

func judgePolicy(p Policy, e evidence.Evidence, seen []sighting) []v1alpha1.RuleResult {
	var rules []v1alpha1.RuleResult
	add := func(rule string, j judgement) { rules = append(rules, j.result(p.Name, rule)) }
	if vulnerabilities := p.Spec.Vulnerabilities; vulnerabilities != nil {
		for _, rule := range byName(vulnerabilities.Block, func(r v1alpha1.BlockRule) v1alpha1.RuleName { return r.Name }) {
			add(entry(ruleBlock, rule.Name), judgeBlock(rule, e, seen))
		}
	}
	for _, rule := range byName(p.Spec.Signatures, func(r v1alpha1.SignatureRule) v1alpha1.RuleName { return r.Name }) {
		add(entry(ruleSignature, rule.Name), judgeSignatures(rule, p.Authorities, e.Signatures))
	}
	if p.Spec.Image != nil && p.Spec.Image.User != "" {
		add(ruleUser, judgeUser(e))
	}
	return rules
}

// entry names one entry of a list by the path of its field.
func entry(list string, name v1alpha1.RuleName) string { return fmt.Sprintf("%s[%s]", list, name) }

// judgement is how an image did under one rule. The zero value passes nothing.
type judgement struct {
	of      v1alpha1.Result
	reason  string
	message string
}

func pass() judgement { return judgement{of: v1alpha1.ResultPass} }

func fail(reason, message string) judgement {
	return judgement{of: v1alpha1.ResultFail, reason: reason, message: message}
}

// unknown tells why a rule cannot be decided, by a fact that is not known; waiting is what to say of one that was not
// checked yet, or could not be and does not say why.
func unknown[T any](fact evidence.Fact[T], fallback, waiting string) judgement {
	j := judgement{of: v1alpha1.ResultUnknown, reason: fact.Reason, message: fact.Message}
	if fact.State != evidence.CouldNotCheck || j.reason == "" {
		j.reason = fallback
	}
	if fact.State != evidence.CouldNotCheck || j.message == "" {
		j.message = waiting
	}
	return j
}

func (j judgement) result(policy, rule string) v1alpha1.RuleResult {
	return v1alpha1.RuleResult{
		Policy: policy, Rule: rule, Result: j.of,
		Reason: evidence.Printable(j.reason, maxReason), Message: evidence.Printable(j.message, maxMessage),
	}
}
