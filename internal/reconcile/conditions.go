// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxMessage bounds a condition's message in bytes.
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
		Message:            Printable(message, maxMessage),
		ObservedGeneration: c.Generation,
		LastTransitionTime: metav1.NewTime(c.Now.UTC().Truncate(time.Second)),
	})
}

// Remove removes the condition.
func (c Conditions) Remove(kind string) { meta.RemoveStatusCondition(c.List, kind) }

// Printable returns s with everything escaped that a terminal or a log could act upon, cut to at most limit bytes.
func Printable(s string, limit int) string {
	var b strings.Builder
	for _, r := range s {
		piece := string(r)
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			piece = strings.Trim(strconv.QuoteRuneToASCII(r), "'")
		}
		if b.Len()+len(piece) > limit-len("…") {
			return b.String() + "…"
		}
		b.WriteString(piece)
	}
	return b.String()
}
