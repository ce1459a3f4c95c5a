// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package imagepolicy

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/reconcile"
)

// Feeds tells what is loaded of the feed with the name, and why nothing newer is.
type Feeds func(name string) v1alpha1.FeedStatus

// writeFeeds says what is loaded of the feeds that the policy's rules read.
func writeFeeds(status *v1alpha1.PolicyStatus, conditions reconcile.Conditions, spec v1alpha1.PolicySpec, feeds Feeds) {
	status.Feeds = nil
	var missing, outdated []string
	for _, name := range policy.Feeds(spec) {
		feed := feeds(name)
		status.Feeds = append(status.Feeds, feed)
		switch {
		case feed.Version == "" && feed.Message == "":
			missing = append(missing, name+": it is not loaded yet")
		case feed.Version == "":
			missing = append(missing, name+": "+feed.Message)
		case feed.Message != "":
			outdated = append(outdated, name+": "+feed.Message+"; version "+feed.Version+" stays in use")
		}
	}
	message := strings.Join(append(missing, outdated...), "; ")
	switch {
	case len(status.Feeds) == 0:
		conditions.Remove(v1alpha1.FeedsCurrentCondition)
	case len(missing) > 0:
		conditions.Set(v1alpha1.FeedsCurrentCondition, metav1.ConditionFalse, v1alpha1.ReasonFeedUnavailable, message)
	case len(outdated) > 0:
		conditions.Set(v1alpha1.FeedsCurrentCondition, metav1.ConditionFalse, v1alpha1.ReasonFeedOutdated, message)
	default:
		conditions.Set(v1alpha1.FeedsCurrentCondition, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "every feed that the policy's rules read is loaded")
	}
}
