// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// maxNote bounds the note of an event, in characters (events.k8s.io allows 1 kB).
const maxNote = 512

// action of every event.
const action = "Judge"

// sendEvents tells of what changed, after it was written: a digest that is trusted now, trust that ended, entries that were
// forged, and a step that turned out badly.
func (r *Reconciler) sendEvents(before, after *v1alpha1.TrustedImage, s *scope) {
	send := func(kind, reason, note string, args ...any) {
		r.Recorder.Eventf(after, nil, kind, reason, action, "%s", evidence.Printable(fmt.Sprintf(note, args...), maxNote))
	}
	if s.forged > 0 {
		send(corev1.EventTypeWarning, v1alpha1.ReasonForgedTrust, "%d trusted digests in the status were not signed by Assay and were removed", s.forged)
	}
	if s.promoted {
		send(corev1.EventTypeNormal, v1alpha1.ReasonPolicyPassed, "%s is trusted now", s.candidate)
	}
	for _, reference := range s.ended {
		send(corev1.EventTypeWarning, v1alpha1.ReasonInGrace, "the grace of %s is over; it is trusted no more", reference)
	}
	for _, kind := range []string{v1alpha1.ResolvedCondition, v1alpha1.PolicyPassedCondition, v1alpha1.SealedCondition} {
		was := meta.FindStatusCondition(before.Status.Conditions, kind)
		is := meta.FindStatusCondition(after.Status.Conditions, kind)
		if is == nil || is.Status == metav1.ConditionTrue || quiet[is.Reason] || was != nil && was.Status == is.Status && was.Reason == is.Reason {
			continue
		}
		send(corev1.EventTypeWarning, is.Reason, "%s", is.Message)
		return // What follows from it says the same.
	}
}

// quiet are the reasons of an ordinary wait, of which no event tells.
var quiet = map[string]bool{
	v1alpha1.ReasonInProgress:         true,
	v1alpha1.ReasonUpstreamHasNoTrust: true,
}
