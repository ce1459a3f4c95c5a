// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/assay-dev/assay/internal/evidence"
)

// maxMessage bounds a condition's message in characters.
const maxMessage = 1024

// Conditions sets conditions of one object at one moment.
type Conditions struct {
	List       *[]metav1.Condition
	Generation int64
	Now        time.Time
}

// Set sets the condition; its transition time moves only when its status does.
func (c Conditions) Set(kind string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(c.List, metav1.Condition{
		Type:               kind,
		Status:             status,
		Reason:             reason,
		Message:            evidence.Printable(message, maxMessage),
		ObservedGeneration: c.Generation,
		LastTransitionTime: metav1.NewTime(c.Now.UTC().Truncate(time.Second)),
	})
}

// Remove removes the condition.
func (c Conditions) Remove(kind string) { meta.RemoveStatusCondition(c.List, kind) }
