// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/reconcile"
)

// condition is one condition's new state.
type condition struct {
	status          metav1.ConditionStatus
	reason, message string
}

// inProgress is what is said of work whose result is not there yet.
var inProgress = condition{metav1.ConditionUnknown, v1alpha1.ReasonInProgress, "Assay is looking at the image"}

// writeConditions sets every condition that applies and removes the others.
func (s *scope) writeConditions(status *v1alpha1.TrustedImageStatus) {
	conditions := reconcile.Conditions{List: &status.Conditions, Generation: s.object.Generation, Now: s.now}
	set := func(kind string, applies bool, c condition) {
		if applies {
			conditions.Set(kind, c.status, c.reason, c.message)
		} else {
			conditions.Remove(kind)
		}
	}
	stalled := s.stalled()
	set(v1alpha1.ReadyCondition, true, s.ready())
	if stalled != nil {
		set(v1alpha1.StalledCondition, true, condition{metav1.ConditionTrue, stalled.Reason, stalled.Message})
	} else {
		conditions.Remove(v1alpha1.StalledCondition)
	}
	set(v1alpha1.ResolvedCondition, true, s.resolved())
	set(v1alpha1.ScannedCondition, true, s.scanned())
	set(v1alpha1.VerifiedCondition, s.demandsSignatures(), s.verifiedCondition())
	set(v1alpha1.PolicyPassedCondition, true, s.policyPassed())
	set(v1alpha1.PromotedCondition, s.object.Spec.Source.UpstreamRef != nil, s.promotedCondition())
	set(v1alpha1.SealedCondition, s.current() != nil, s.sealedCondition())
	if current := s.current(); current == nil || s.knows(current.reference) {
		expiring := s.expiringKeys()
		set(v1alpha1.KeysExpiringCondition, expiring != "", condition{metav1.ConditionTrue, v1alpha1.ReasonKeysExpiring, expiring})
	}
}

func (s *scope) ready() condition {
	current := s.current()
	switch {
	case s.recallErr != nil && s.object.Status.Trusted != nil:
		return failed(s.recallErr, metav1.ConditionUnknown)
	case current != nil && current.record.NotPassingSince != nil:
		return condition{metav1.ConditionTrue, v1alpha1.ReasonInGrace,
			strings.TrimSuffix("the trusted digest stopped passing and stays admissible for 72 hours from status.trusted.notPassingSince: "+
				current.message(), ": ")}
	case current != nil:
		return condition{metav1.ConditionTrue, v1alpha1.ReasonPolicyPassed, "trusted: " + current.reference.String()}
	case s.firstError() != nil:
		return failed(s.firstError(), metav1.ConditionFalse)
	case s.pending || s.candidate == nil:
		return inProgress
	}
	passed := s.policyPassed()
	if passed.status == metav1.ConditionTrue {
		return inProgress
	}
	return condition{metav1.ConditionFalse, passed.reason, passed.message}
}

// firstError is why nothing is known of the candidate.
func (s *scope) firstError() error {
	if failures := s.failures(); len(failures) > 0 {
		return failures[0]
	}
	return nil
}

func failed(err error, status metav1.ConditionStatus) condition {
	reason, message := reconcile.Describe(err, v1alpha1.ReasonInProgress)
	return condition{status, reason, message}
}

// couldNotAsk are the reasons for which a source was not asked, so that nothing is known of what it would have said.
var couldNotAsk = map[string]bool{
	v1alpha1.ReasonRegistryUnavailable: true,
	v1alpha1.ReasonUnauthorized:        true,
	v1alpha1.ReasonAddressForbidden:    true,
	v1alpha1.ReasonSecretNotFound:      true,
	v1alpha1.ReasonSecretForbidden:     true,
	v1alpha1.ReasonInvalidSecret:       true,
	v1alpha1.ReasonInProgress:          true,
}

func (s *scope) resolved() condition {
	switch {
	case s.resolveErr != nil:
		c := failed(s.resolveErr, metav1.ConditionFalse)
		if couldNotAsk[c.reason] {
			c.status = metav1.ConditionUnknown
		}
		return c
	case s.candidate != nil:
		return condition{metav1.ConditionTrue, v1alpha1.ReasonSucceeded, resolvedMessage(*s.candidate)}
	}
	return inProgress
}

// missing is what keeps the evidence on the candidate from being there; ok when it is there.
func (s *scope) missing() (c condition, ok bool) {
	switch {
	case s.resolveErr != nil:
		return failed(s.resolveErr, metav1.ConditionUnknown), false
	case s.gatherErr != nil:
		return failed(s.gatherErr, metav1.ConditionUnknown), false
	case s.candidate == nil:
		return inProgress, false
	}
	_, found := s.evidence[*s.candidate]
	return inProgress, found
}

func (s *scope) scanned() condition {
	if c, ok := s.missing(); !ok {
		return c
	}
	if s.reportErr != nil {
		return failed(s.reportErr, metav1.ConditionUnknown)
	}
	examined := s.examined[*s.candidate]
	for _, platform := range examined.Platforms {
		if c, known := knowledge(platform, platform.Inventory); !known {
			return c
		}
		if c, known := knowledge(platform, platform.Findings); !known {
			return c
		}
	}
	return condition{metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "every platform was indexed and matched" + ignoredVEX(examined)}
}

// ignoredVEX tells of VEX documents that count for nothing, since nobody is to wonder why they excuse nothing.
func ignoredVEX(examined evidence.Evidence) string {
	switch examined.IgnoredVEX {
	case 0:
		return ""
	case 1:
		return "; 1 VEX document on the image is ignored, which none of the authorities signed that policies believe"
	}
	return fmt.Sprintf("; %d VEX documents on the image are ignored, which none of the authorities signed that policies believe", examined.IgnoredVEX)
}

func knowledge[T any](platform evidence.Platform, fact evidence.Fact[T]) (condition, bool) {
	if fact.State == evidence.CouldNotCheck {
		return condition{metav1.ConditionUnknown, fact.Reason, platform.Platform.String() + ": " + fact.Message}, false
	}
	return inProgress, fact.State == evidence.Known
}

// demandsSignatures says that a policy which speaks of an image here demands that somebody vouches for it.
func (s *scope) demandsSignatures() bool {
	for _, matched := range s.policies {
		for _, p := range matched.Policies {
			if len(p.Spec.Signatures)+len(p.Spec.Attestations)+len(p.Spec.Layouts) > 0 {
				return true
			}
		}
	}
	return false
}

// knows says that the digest was described in this reconcile.
func (s *scope) knows(reference image.Reference) bool {
	_, known := s.descriptions[reference]
	return known
}

// expiringKeys names the keys about to go on which the trusted digest rests, "" when there are none. What they signed goes on counting; what
// is signed next needs another key.
func (s *scope) expiringKeys() string {
	current := s.current()
	if current == nil {
		return ""
	}
	expiring, _ := policy.ExpiringKeys(s.descriptions[current.reference].Signers, s.now)
	var named []string
	for _, signer := range expiring {
		named = append(named, fmt.Sprintf("%s until %s", signer.Authority, *signer.NotAfter))
	}
	slices.Sort(named)
	if len(named) == 0 {
		return ""
	}
	return "the trusted digest rests on keys that go out of use: " + strings.Join(slices.Compact(named), ", ") + "; sign it with the keys that follow"
}

// vouches says that the rule is one on who made the image, and how.
func vouches(rule string) bool {
	return strings.HasPrefix(rule, "signatures[") || strings.HasPrefix(rule, "attestations[") || strings.HasPrefix(rule, "layouts[")
}

func (s *scope) verifiedCondition() condition {
	if c, ok := s.missing(); !ok {
		return c
	}
	result := condition{metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "every signature and attestation that a policy demands verified"}
	for _, rule := range s.verdict.Rules {
		if !vouches(rule.Rule) {
			continue
		}
		if rule.Result == v1alpha1.ResultFail {
			return condition{metav1.ConditionFalse, rule.Reason, rule.Message}
		}
		if rule.Result == v1alpha1.ResultUnknown {
			result = condition{metav1.ConditionUnknown, rule.Reason, rule.Message}
		}
	}
	return result
}

func (s *scope) policyPassed() condition {
	verdict := s.verdict
	switch {
	case len(verdict.Rules) == 0 && verdict.Outcome != policy.Trusted:
		c, _ := s.missing()
		return c
	case verdict.Outcome == policy.Trusted:
		return condition{metav1.ConditionTrue, v1alpha1.ReasonPolicyPassed, "every rule of every policy passed"}
	case verdict.Outcome == policy.Rejected:
		return condition{metav1.ConditionFalse, verdict.Reason(), verdict.Message()}
	}
	return condition{metav1.ConditionUnknown, verdict.Reason(), verdict.Message()}
}

func (s *scope) promotedCondition() condition {
	current := s.current()
	if s.resolveErr != nil {
		return failed(s.resolveErr, metav1.ConditionFalse)
	}
	if s.candidate != nil && current != nil && current.reference == *s.candidate {
		return condition{metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "the newest digest of the upstream is trusted here"}
	}
	passed := s.policyPassed()
	if passed.status == metav1.ConditionTrue {
		passed = inProgress
	}
	return condition{metav1.ConditionFalse, passed.reason, passed.message}
}

func (s *scope) sealedCondition() condition {
	switch {
	case s.sealErr != nil:
		return failed(s.sealErr, metav1.ConditionUnknown)
	case s.sealed == sealAttached:
		return condition{metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "the seal is attached to the image in its registry"}
	case s.sealed == sealStoredOnly:
		return condition{metav1.ConditionFalse, v1alpha1.ReasonPushDenied,
			"seal, SBOMs and first-seen times are kept on the controller's disk only, since the registry does not let Assay push; " +
				"give the controller credentials that may with --registry-config, or a repository that it may push to with --evidence-repository"}
	}
	for _, c := range s.object.Status.Conditions {
		if c.Type == v1alpha1.SealedCondition && !s.promoted {
			return condition{c.Status, c.Reason, c.Message}
		}
	}
	return condition{metav1.ConditionUnknown, v1alpha1.ReasonInProgress, "the seal is being attached"}
}
