// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// Outcome of judging an image. The zero value is Undetermined.
type Outcome uint8

// The outcomes.
const (
	// Undetermined: no rule fails and not every rule passes, because something is not known.
	Undetermined Outcome = iota
	// Trusted: there is a policy, and every rule of every policy passes.
	Trusted
	// Rejected: a rule fails.
	Rejected
)

// Verdict returns the outcome as the API writes it.
func (o Outcome) Verdict() v1alpha1.Verdict {
	switch o {
	case Trusted:
		return v1alpha1.VerdictTrusted
	case Rejected:
		return v1alpha1.VerdictRejected
	default:
		return v1alpha1.VerdictUndetermined
	}
}

// String returns the outcome's name.
func (o Outcome) String() string { return string(o.Verdict()) }

// Verdict is the outcome of judging an image under all policies of an environment, with one result per rule.
type Verdict struct {
	Outcome Outcome
	// Rules by policy, and within a policy in the order of the API's fields, each list by name. A result without a policy
	// says that there is none, or that nothing is known of the image.
	Rules []v1alpha1.RuleResult
	// Until is the next moment at which time alone may change a result: an exception expires, a grace ends, the database grows too
	// old. The zero time when there is none.
	Until time.Time
	// Excused are the findings that would block were they not excused, the worst first, each once for each policy; at most 4,096.
	Excused []Excused
}

// Excused is a finding that would block under a policy were it not excused.
type Excused struct {
	Finding evidence.Finding
	// Policy whose rule it would break.
	Policy string
	// By is the policy and the path of its field that excuses, such as "prod/base vulnerabilities.exceptions".
	By string
	// Exception that excuses, with the policy that it stands in; nil when something else does.
	Exception       *v1alpha1.ExceptionReference
	ExceptionPolicy string
	// Owner and Reason of the decision; may be empty.
	Owner, Reason string
	// Until is when it excuses no longer, the zero time when that does not end by itself.
	Until time.Time
}

// conclude draws the outcome from the results: a rule that fails rejects, and only rules that all pass are trust.
func conclude(rules []v1alpha1.RuleResult) Verdict {
	verdict := Verdict{Outcome: Trusted, Rules: rules}
	for _, rule := range rules {
		switch rule.Result {
		case v1alpha1.ResultPass, v1alpha1.ResultExcepted:
		case v1alpha1.ResultFail:
			verdict.Outcome = Rejected
			return verdict
		default:
			verdict.Outcome = Undetermined
		}
	}
	return verdict
}

// importance orders the reasons of results that do not pass. A rule that fails comes before one that cannot be decided:
// who made the image before what is in it, and that before how it starts; then what somebody has to do before what is retried.
// Reasons that are not named here come last, in the order of the rules.
var importance = []string{
	v1alpha1.ReasonSignatureMissing,
	v1alpha1.ReasonAttestationMissing,
	v1alpha1.ReasonAttestationRefused,
	v1alpha1.ReasonAttestationOutdated,
	v1alpha1.ReasonLayoutBroken,
	v1alpha1.ReasonInvalidLayout,
	v1alpha1.ReasonVulnerable,
	v1alpha1.ReasonSecretsFound,
	v1alpha1.ReasonPackageDenied,
	v1alpha1.ReasonEndOfLife,
	v1alpha1.ReasonUnidentified,
	v1alpha1.ReasonRunsAsRoot,
	v1alpha1.ReasonNoMatchingPolicy,
	v1alpha1.ReasonPolicyInvalid,
	v1alpha1.ReasonInvalidKey,
	v1alpha1.ReasonInvalidTrustRoot,
	v1alpha1.ReasonInvalidIdentity,
	v1alpha1.ReasonKeyNotFound,
	v1alpha1.ReasonInventoryIncomplete,
	v1alpha1.ReasonNotCovered,
	v1alpha1.ReasonFeedUnavailable,
	v1alpha1.ReasonScanStale,
}

// Leading returns the result that matters most among those that do not pass, and false when all pass.
func (v Verdict) Leading() (v1alpha1.RuleResult, bool) {
	ranked := v.ranked()
	if len(ranked) == 0 || passes(ranked[0]) {
		return v1alpha1.RuleResult{}, false
	}
	return ranked[0], true
}

// Reason returns the reason to show for the verdict: PolicyPassed, or that of the result that matters most.
func (v Verdict) Reason() string {
	if leading, found := v.Leading(); found {
		return leading.Reason
	}
	return v1alpha1.ReasonPolicyPassed
}

// Message tells, for a condition, what the result that matters most demands, and how many others do not pass; it is
// empty when all pass.
func (v Verdict) Message() string {
	leading, found := v.Leading()
	if !found {
		return ""
	}
	others := -1
	for _, rule := range v.Rules {
		if !passes(rule) {
			others++
		}
	}
	message := leading.Message
	if leading.Policy != "" {
		message = fmt.Sprintf("%s, %s: %s", leading.Policy, leading.Rule, leading.Message)
	}
	switch others {
	case 0:
		return message
	case 1:
		return message + "; 1 more rule does not pass"
	default:
		return fmt.Sprintf("%s; %d more rules do not pass", message, others)
	}
}

// maxStatusRules bounds the results that a status keeps, as the API has it.
const maxStatusRules = 64

// StatusRules returns the results that a status keeps: all of them when there are at most 64, and otherwise those that
// matter most, in their order.
func (v Verdict) StatusRules() []v1alpha1.RuleResult {
	if len(v.Rules) <= maxStatusRules {
		return v.Rules
	}
	kept := v.ranked()[:maxStatusRules]
	return slices.DeleteFunc(slices.Clone(v.Rules), func(rule v1alpha1.RuleResult) bool { return !slices.Contains(kept, rule) })
}

func passes(rule v1alpha1.RuleResult) bool {
	return rule.Result == v1alpha1.ResultPass || rule.Result == v1alpha1.ResultExcepted
}

// ranked returns the results with those that matter most first.
func (v Verdict) ranked() []v1alpha1.RuleResult {
	return slices.SortedStableFunc(slices.Values(v.Rules), func(a, b v1alpha1.RuleResult) int { return rank(a) - rank(b) })
}

func rank(rule v1alpha1.RuleResult) int {
	place := slices.Index(importance, rule.Reason)
	if place < 0 {
		place = len(importance)
	}
	switch {
	case rule.Result == v1alpha1.ResultFail:
		return place
	case passes(rule):
		return 2 * (len(importance) + 1)
	default:
		return place + len(importance) + 1
	}
}
