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
	"github.com/assay-dev/assay/internal/policy/scope"
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
	// err is why the policy's keys could not be read.
	err error
}

// inspect returns what is wrong with a policy whose authorities are resolved: what its spec must change first, and then
// in the order of the fields.
func inspect(p policy.Policy) findings {
	var found findings
	for _, pattern := range p.Spec.Images {
		if err := scope.CheckPattern(pattern); err != nil {
			found.problems = append(found.problems, problem{v1alpha1.ReasonPolicyInvalid, fmt.Sprintf("images: %s; correct it", err), true})
		}
	}
	authorities := slices.SortedFunc(slices.Values(p.Spec.Authorities), func(a, b v1alpha1.Authority) int { return cmp.Compare(a.Name, b.Name) })
	for _, authority := range authorities {
		refers := authority.Key != nil && authority.Key.ConfigMapKeyRef != nil
		if refers && found.lookAgain == 0 {
			found.lookAgain = lookAgain
		}
		key := p.Authorities[authority.Name]
		if key.State == evidence.Known {
			continue
		}
		if refers {
			found.lookAgain = lookForWrong
		}
		found.problems = append(found.problems, problem{key.Reason, fmt.Sprintf("authority %s: %s", authority.Name, key.Message), !refers})
	}
	slices.SortStableFunc(found.problems, func(a, b problem) int { return order(a) - order(b) })
	return found
}

func order(p problem) int {
	if p.inSpec {
		return 0
	}
	return 1
}

// writeStatus says in the conditions whether the policy can be applied. It is Stalled only when its spec must change.
func writeStatus(status *v1alpha1.PolicyStatus, generation int64, now time.Time, found findings) {
	status.ObservedGeneration = generation
	conditions := reconcile.Conditions{List: &status.Conditions, Generation: generation, Now: now}
	if found.err != nil {
		conditions.Remove(v1alpha1.StalledCondition)
		conditions.Set(v1alpha1.ReadyCondition, metav1.ConditionUnknown, v1alpha1.ReasonInProgress,
			fmt.Sprintf("the ConfigMaps with the policy's keys could not be read (%s); this is retried", apierrors.ReasonForError(found.err)))
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
