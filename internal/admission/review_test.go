// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// TestAReviewTakesNoMoreMemoryThanItIsLong holds for the lists of a Pod, whose elements are longer in memory than as text:
// whoever can reach the webhook can send a review, and one of them must not take the memory of all.
func TestAReviewTakesNoMoreMemoryThanItIsLong(t *testing.T) {
	for _, list := range []string{"containers", "initContainers", "ephemeralContainers", "volumes"} {
		for _, element := range []string{"{}", "null", `{"image":{}}`} {
			pod := fmt.Sprintf(`{"spec":{%q:[%s]}}`, list, strings.Repeat(element+",", (maxBody/2-1000)/(len(element)+1))+element)
			body := fmt.Appendf(nil, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","kind":{"version":"v1","kind":"Pod"},`+
				`"namespace":"dev","operation":"UPDATE","object":%s,"oldObject":%s}}`, pod, pod)
			t.Run(list+" of "+element, func(t *testing.T) {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				request, err := decodeRequest(body)
				runtime.ReadMemStats(&after)
				if err != nil {
					t.Fatal(err)
				}
				if took := after.TotalAlloc - before.TotalAlloc; took > maxBody {
					t.Errorf("a review of %d bytes took %d", len(body), took)
				}
				if newAdmitter(t).Review(request).Allowed {
					t.Error("allowed")
				}
			})
		}
	}
}
