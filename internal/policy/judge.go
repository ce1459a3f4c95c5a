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
	ruleBlock        = "vulnerabilities.block"
	ruleScanAge      = "vulnerabilities.maxScanAge"
	ruleEndOfLife    = "vulnerabilities.endOfLife"
	ruleUnidentified = "vulnerabilities.unidentified"
	ruleDeny         = "sbom.deny"
	ruleSignature    = "signatures"
	ruleAttestation  = "attestations"
	ruleLayout       = "layouts"
	ruleUser         = "image.user"
	ruleSecrets      = "image.secrets"
	rulePolicies     = "policies"
	rulePlatforms    = "platforms"
)

// Circumstances are what a verdict depends on beside the image and the policies.
type Circumstances struct {
	// Now is the time of the judgement. The zero time comes after all others: no grace is left, and every exception has expired.
	Now time.Time
	// TrustedAt is when the environment came to trust the digest, exact to a second; the zero time for a candidate. What was first
	// seen in a later second was not known then.
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
// of every platform is complete and was matched, and the feeds that it reads are known. What excuses a finding excuses it from
// the rules of one policy.
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
	if c.Now.IsZero() {
		c.Now = endOfTime
	}
	t := &trial{
		evidence: e, now: c.Now, trustedAt: c.TrustedAt, replaces: c.Replaces,
		policies: sorted(policies), platforms: byPlatform(e), seen: sightings(e),
	}
	for _, p := range t.policies {
		rules = append(rules, t.judge(p)...)
	}
	verdict := conclude(rules)
	verdict.Until, verdict.Excused = t.until.earliest, t.excusedFindings()
	return verdict
}

// endOfTime comes after every moment that a policy can name.
var endOfTime = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)

// trial is what all rules of a judgement look at.
type trial struct {
	evidence       evidence.Evidence
	now, trustedAt time.Time
	replaces       *evidence.Evidence
	policies       []Policy            // by name
	platforms      []evidence.Platform // by name
	seen           []sighting          // the worst first

	// before is what the replaced digest carries, nil until it is asked for.
	before           carried
	beforeIncomplete *judgement
	// contents is what is in the image, nil until it is asked for.
	contents *contents

	// spent is what the expressions of the policy that is judged have cost.
	spent uint64

	until   moments
	excused []placedExcuse
}

// changesAt notes a moment at which time alone changes a result.
func (t *trial) changesAt(moment time.Time) { t.until.add(moment, t.now) }

func (t *trial) judge(p Policy) []v1alpha1.RuleResult {
	var rules []v1alpha1.RuleResult
	add := func(rule string, j judgement) { rules = append(rules, j.result(p.Name, rule)) }
	if vulnerabilities := p.Spec.Vulnerabilities; vulnerabilities != nil {
		t.judgeVulnerabilities(p, *vulnerabilities, add)
	}
	if p.Spec.SBOM != nil {
		for _, rule := range byName(p.Spec.SBOM.Deny, func(r v1alpha1.SBOMDenyRule) v1alpha1.RuleName { return r.Name }) {
			add(entry(ruleDeny, rule.Name), t.judgeContents(rule))
		}
	}
	t.judgeSigners(p, add)
	if p.Spec.Image != nil && p.Spec.Image.User != "" {
		add(ruleUser, judgeUser(t.evidence))
	}
	if p.Spec.Image != nil && p.Spec.Image.Secrets != "" {
		add(ruleSecrets, t.judgeSecrets())
	}
	return rules
}

// judgeSigners judges who made the image, and how.
func (t *trial) judgeSigners(p Policy, add func(rule string, j judgement)) {
	t.spent = 0
	for _, rule := range byName(p.Spec.Signatures, func(r v1alpha1.SignatureRule) v1alpha1.RuleName { return r.Name }) {
		add(entry(ruleSignature, rule.Name), t.judgeSignatures(rule, p.Authorities))
	}
	for _, rule := range byName(p.Spec.Attestations, func(r v1alpha1.AttestationRule) v1alpha1.RuleName { return r.Name }) {
		add(entry(ruleAttestation, rule.Name), t.judgeAttestation(rule, p))
	}
	for _, rule := range byName(p.Spec.Layouts, func(r v1alpha1.LayoutRule) v1alpha1.RuleName { return r.Name }) {
		add(entry(ruleLayout, rule.Name), t.judgeLayout(rule, p.Layouts[rule.Name]))
	}
}

func (t *trial) judgeVulnerabilities(p Policy, rules v1alpha1.VulnerabilityRules, add func(rule string, j judgement)) {
	by := t.excuserOf(p)
	for _, rule := range byName(rules.Block, func(r v1alpha1.BlockRule) v1alpha1.RuleName { return r.Name }) {
		add(entry(ruleBlock, rule.Name), t.judgeBlock(rule, by))
	}
	t.excused = append(t.excused, by.collect()...)
	if rules.MaxScanAge != nil {
		add(ruleScanAge, t.judgeScanAge(rules.MaxScanAge))
	}
	if rules.EndOfLife == v1alpha1.ToleranceDeny {
		add(ruleEndOfLife, t.judgeEndOfLife())
	}
	if rules.Unidentified == v1alpha1.ToleranceDeny {
		add(ruleUnidentified, t.judgeUnidentified())
	}
}

// IsVouchedFor says that whoever the policies want to hear of has spoken: every rule on signatures, attestations and layouts passes.
func IsVouchedFor(policies []Policy, e evidence.Evidence, now time.Time) bool {
	t := &trial{evidence: e, now: now, platforms: byPlatform(e)}
	for _, p := range policies {
		passed := true
		t.judgeSigners(p, func(_ string, j judgement) { passed = passed && j.of == v1alpha1.ResultPass })
		if !passed {
			return false
		}
	}
	return true
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
