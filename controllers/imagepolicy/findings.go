// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package imagepolicy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/reconcile"
)

// problem is something that keeps a policy from being applied.
type problem struct {
	reason, message string
	// inSpec says that the policy itself must change. Otherwise a ConfigMap must.
	inSpec bool
}

// findings of one look at a policy.
type findings struct {
	problems []problem
	// lookAgain is how soon to look again without an event, zero for never.
	lookAgain time.Duration
	// unused are the exceptions that excuse nothing, meaningful only when settled.
	unused  []v1alpha1.ExceptionReference
	settled bool
	// err is why the policy's keys could not be read.
	err error
}

// inspect returns what is wrong with a policy whose authorities and documents are resolved: what its spec must change first, and
// then in the order of the fields.
func inspect(p policy.Policy) findings {
	var found findings
	for _, err := range policy.Check(p.Spec) {
		found.problems = append(found.problems, problem{v1alpha1.ReasonPolicyInvalid, err.Error() + "; correct it", true})
	}
	authorities := slices.SortedFunc(slices.Values(p.Spec.Authorities), func(a, b v1alpha1.Authority) int { return cmp.Compare(a.Name, b.Name) })
	for _, authority := range authorities {
		key := p.Authorities[authority.Name]
		found.add("authority "+string(authority.Name), refersElsewhere(authority), key.State, key.Reason, key.Message)
	}
	for _, rule := range p.Spec.Layouts {
		layout := p.Layouts[rule.Name]
		found.add("layouts["+string(rule.Name)+"]", true, layout.State, layout.Reason, layout.Message)
	}
	if p.Spec.Vulnerabilities != nil {
		sources := slices.SortedFunc(slices.Values(p.Spec.Vulnerabilities.VEX), func(a, b v1alpha1.VEXSource) int { return cmp.Compare(a.Name, b.Name) })
		for _, source := range sources {
			if document := p.VEX[source.Name]; source.ConfigMapKeyRef != nil {
				found.add("vulnerabilities.vex["+string(source.Name)+"]", true, document.State, document.Reason, document.Message)
			}
		}
	}
	slices.SortStableFunc(found.problems, func(a, b problem) int { return order(a) - order(b) })
	return found
}

// refersElsewhere says that the authority is made of something that may change without the policy.
func refersElsewhere(a v1alpha1.Authority) bool {
	elsewhere := func(text *v1alpha1.TextSource) bool { return text != nil && text.Inline == "" }
	switch {
	case a.Key != nil:
		return a.Key.Inline == "" || a.Key.TrustRoot != nil || elsewhere(a.Key.Timestamps)
	case a.Keyless != nil:
		return a.Keyless.TrustRoot != nil || elsewhere(a.Keyless.Timestamps)
	case a.Certificate != nil:
		return elsewhere(&a.Certificate.Chain) || a.Certificate.TrustRoot != nil || elsewhere(a.Certificate.Timestamps)
	}
	return false
}

// add takes up what is known of a key or a document that stands elsewhere, such as in a ConfigMap, or in the spec.
func (f *findings) add(what string, elsewhere bool, state evidence.State, reason, message string) {
	if elsewhere && f.lookAgain == 0 {
		f.lookAgain = lookAgain
	}
	if state == evidence.Known {
		return
	}
	if elsewhere {
		f.lookAgain = lookForWrong
	}
	f.problems = append(f.problems, problem{reason, what + ": " + message, !elsewhere})
}

func order(p problem) int {
	if p.inSpec {
		return 0
	}
	return 1
}

// writeReady says in the conditions whether the policy can be applied. It is Stalled only when its spec must change.
func writeReady(conditions reconcile.Conditions, found findings) {
	if found.err != nil {
		conditions.Remove(v1alpha1.StalledCondition)
		conditions.Set(v1alpha1.ReadyCondition, metav1.ConditionUnknown, v1alpha1.ReasonInProgress,
			fmt.Sprintf("the ConfigMaps and Secrets that the policy refers to could not be read (%s); this is retried", apierrors.ReasonForError(found.err)))
		return
	}
	if len(found.problems) == 0 {
		conditions.Remove(v1alpha1.StalledCondition)
		conditions.Set(v1alpha1.ReadyCondition, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "the policy is applied")
		return
	}
	first, messages := found.problems[0], make([]string, 0, len(found.problems))
	for _, p := range found.problems {
		messages = append(messages, p.message)
	}
	message := strings.Join(messages, "; ")
	conditions.Set(v1alpha1.ReadyCondition, metav1.ConditionFalse, first.reason, message)
	if first.inSpec {
		conditions.Set(v1alpha1.StalledCondition, metav1.ConditionTrue, first.reason, message)
	} else {
		conditions.Remove(v1alpha1.StalledCondition)
	}
}
