// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package imagepolicy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/reconcile"
)

// ahead is how long before its end an exception is said to expire.
const ahead = 14 * 24 * time.Hour

// maxNamed is how many exceptions a message names.
const maxNamed = 8

// writeExpiring says which exceptions expire soon or have expired, and whether it said otherwise before.
func writeExpiring(conditions reconcile.Conditions, expiring []policy.Expiry) (message string, changed bool) {
	if len(expiring) == 0 {
		conditions.Remove(v1alpha1.ExceptionsExpiringCondition)
		return "", false
	}
	was := ""
	if condition := meta.FindStatusCondition(*conditions.List, v1alpha1.ExceptionsExpiringCondition); condition != nil {
		was = condition.Message
	}
	conditions.Set(v1alpha1.ExceptionsExpiringCondition, metav1.ConditionTrue, v1alpha1.ReasonExceptionsExpiring, describeExpiring(expiring, conditions.Now))
	message = meta.FindStatusCondition(*conditions.List, v1alpha1.ExceptionsExpiringCondition).Message
	return message, message != was
}

// describeExpiring names the exceptions with the moments of their ends, and so says the same until one of these comes. What has yet to
// end is named first: there is still time to do something about it.
func describeExpiring(expiring []policy.Expiry, now time.Time) string {
	isToCome := func(e policy.Expiry) bool { return e.At.After(now) }
	ordered := slices.Clone(expiring)
	slices.SortStableFunc(ordered, func(a, b policy.Expiry) int {
		switch {
		case isToCome(a) == isToCome(b):
			return 0
		case isToCome(a):
			return -1
		}
		return 1
	})
	var parts []string
	for _, e := range ordered[:min(len(ordered), maxNamed)] {
		verb := "expired"
		if isToCome(e) {
			verb = "expires"
		}
		part := fmt.Sprintf("%s %s at %s, in %s", e.Exception.ID, verb, v1alpha1.NewTimestamp(e.At), e.Exception.Package)
		if e.Owner != "" {
			part += " (" + e.Owner + ")"
		}
		parts = append(parts, evidence.Printable(part, maxPart))
	}
	if more := len(ordered) - len(parts); more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, "; ") + "; renew them, or remove what is not needed any more"
}

// maxPart bounds what is said of one exception, so that all that are named fit into a condition.
const maxPart = 110
