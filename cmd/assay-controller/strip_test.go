// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	kjson "sigs.k8s.io/json"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// decoded is a TrustedImage as an informer decodes it.
func decoded(t testing.TB, number int) *v1alpha1.TrustedImage {
	t.Helper()
	digest := v1alpha1.DigestString(fmt.Sprintf("sha256:%064d", number))
	object := &v1alpha1.TrustedImage{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "team", Name: fmt.Sprintf("image-%d", number),
			Annotations:   map[string]string{corev1.LastAppliedConfigAnnotation: "{}", "mine": "kept"},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "assay-controller", FieldsV1: metav1.NewFieldsV1(`{"f:status":{}}`)}},
		},
		Spec: v1alpha1.TrustedImageSpec{Source: v1alpha1.ImageSource{Registry: &v1alpha1.RegistrySource{Repository: fmt.Sprintf("registry.example.com/team/image-%d", number), Tag: "1"}}},
		Status: v1alpha1.TrustedImageStatus{
			Conditions: []metav1.Condition{
				{Type: v1alpha1.ReadyCondition, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonPolicyPassed, Message: fmt.Sprint("trusted: registry.example.com/team/image@", digest)},
				{Type: v1alpha1.ScannedCondition, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSucceeded, Message: "every platform was indexed and matched"},
				{Type: v1alpha1.PolicyPassedCondition, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonPolicyPassed, Message: "every rule of every policy passed"},
			},
			Policies: []string{"base"},
			Summary:  v1alpha1.ImageSummary{Verdict: v1alpha1.VerdictTrusted, Reason: v1alpha1.ReasonPolicyPassed, SBOM: "cyclonedx,spdx", Critical: ptr.To[int32](0)},
			Trusted: &v1alpha1.TrustedDigest{
				Digest: digest, Repository: "registry.example.com/team/image",
				Rules: []v1alpha1.RuleResult{{Policy: "base", Rule: "vulnerabilities.block[fixable]", Result: v1alpha1.ResultPass}, {Policy: "base", Rule: "vulnerabilities.block[exploited]", Result: v1alpha1.ResultPass}},
				Worst: []v1alpha1.FindingReference{{ID: "CVE-2026-0001", Package: "openssl", Version: "3.0.1", Severity: v1alpha1.SeverityHigh}},
				Scan:  &v1alpha1.ScanReference{Database: "sha256:1111111111111111111111111111111111111111111111111111111111111111", KEV: "2026.11.01"},
			},
		},
	}
	content, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	fresh := &v1alpha1.TrustedImage{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(content, fresh); err != nil {
		t.Fatal(err)
	}
	return fresh
}

func TestWhatIsCachedLacksOnlyWhatNobodyReads(t *testing.T) {
	slim, want := slimmed(), decoded(t, 1)
	want.ManagedFields = nil
	delete(want.Annotations, corev1.LastAppliedConfigAnnotation)
	for range 2 {
		got, err := slim(decoded(t, 1))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("cached (-want +got):\n%s", diff)
		}
	}
	if _, err := slim("no object"); err != nil {
		t.Errorf("the end of a watch: %v", err)
	}
}

func TestEqualTextsOfStatusesAreOne(t *testing.T) {
	slim := slimmed()
	first, second := decoded(t, 1), decoded(t, 2)
	for _, object := range []*v1alpha1.TrustedImage{first, second} {
		if _, err := slim(object); err != nil {
			t.Fatal(err)
		}
	}
	for about, texts := range map[string][2]string{
		"a condition's message": {first.Status.Conditions[1].Message, second.Status.Conditions[1].Message},
		"a rule":                {first.Status.Trusted.Rules[0].Rule, second.Status.Trusted.Rules[0].Rule},
		"the database":          {first.Status.Trusted.Scan.Database, second.Status.Trusted.Scan.Database},
	} {
		if unsafe.StringData(texts[0]) != unsafe.StringData(texts[1]) {
			t.Errorf("%s stands twice in memory", about)
		}
	}
}

func TestWordsAreBounded(t *testing.T) {
	var w words
	for i := range 3 * maxWords {
		text := fmt.Sprint(i)
		w.one(&text)
		if text != fmt.Sprint(i) {
			t.Fatalf("%d became %s", i, text)
		}
	}
	if len(w.known) > maxWords {
		t.Errorf("%d words are remembered", len(w.known))
	}
}

// BenchmarkCached tells what a TrustedImage takes in the cache.
func BenchmarkCached(b *testing.B) {
	for name, transform := range map[string]func(any) (any, error){
		"as it comes": func(object any) (any, error) { return object, nil },
		"slim":        slimmed(),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				const many = 2000
				kept := make([]any, 0, many)
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				for i := range many {
					object, err := transform(decoded(b, i))
					if err != nil {
						b.Fatal(err)
					}
					kept = append(kept, object)
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/many, "B/object")
				runtime.KeepAlive(kept)
			}
		})
	}
}
