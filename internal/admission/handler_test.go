// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// reviewOf returns an AdmissionReview as the API server writes it.
func reviewOf(t testing.TB, images ...string) []byte {
	t.Helper()
	object := corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "checkout-7d9f8b6c5d-abcde", Labels: map[string]string{"app": "checkout"}},
	}
	for _, image := range images {
		object.Spec.Containers = append(object.Spec.Containers, corev1.Container{
			Name: "c", Image: image, TerminationMessagePath: corev1.TerminationMessagePathDefault, ImagePullPolicy: corev1.PullIfNotPresent,
			VolumeMounts: []corev1.VolumeMount{{Name: "kube-api-access", ReadOnly: true, MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"}},
		})
	}
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "705ab4f5-6393-11e8-b7cc-42010a800002", Namespace: "dev", Operation: admissionv1.Create,
			Kind: metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}, Resource: metav1.GroupVersionResource{Version: "v1", Resource: "pods"},
			Object: runtime.RawExtension{Raw: raw},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestHandlerSpeaksAsTheAPIServerExpects(t *testing.T) {
	for image, allowed := range map[string]bool{written(checkout, "trusted"): true, written(checkout, "other"): false} {
		recorder := httptest.NewRecorder()
		NewHandler(newAdmitter(t)).ServeHTTP(recorder, post(t, reviewOf(t, image)))
		var answer admissionv1.AdmissionReview
		decoder := json.NewDecoder(recorder.Body)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&answer); err != nil {
			t.Fatal(err)
		}
		if recorder.Code != http.StatusOK || answer.APIVersion != "admission.k8s.io/v1" || answer.Kind != "AdmissionReview" || answer.Response == nil {
			t.Fatalf("status %d, answer %+v", recorder.Code, answer)
		}
		r := answer.Response
		if r.UID != "705ab4f5-6393-11e8-b7cc-42010a800002" || r.Allowed != allowed {
			t.Errorf("%s: UID %s, allowed %t, want %t", image, r.UID, r.Allowed, allowed)
		}
		if !allowed && (r.Result.Code != http.StatusForbidden || r.Result.Reason != metav1.StatusReasonForbidden || r.Result.Message == "") {
			t.Errorf("denied with %+v", r.Result)
		}
	}
}

// TestHandlerNeverAdmitsWhatItCannotRead holds that whatever is sent, the answer is a denial or a failure, which the API
// server takes for a denial.
func TestHandlerNeverAdmitsWhatItCannotRead(t *testing.T) {
	good := string(reviewOf(t, written(checkout, "trusted")))
	cases := map[string]struct {
		body string
		code int
	}{
		"nothing":                          {body: "", code: 400},
		"no JSON":                          {body: "a Pod, please", code: 400},
		"another kind":                     {body: strings.Replace(good, `"AdmissionReview"`, `"ConversionReview"`, 1), code: 400},
		"another version":                  {body: strings.Replace(good, "admission.k8s.io/v1", "admission.k8s.io/v1beta1", 1), code: 400},
		"no request":                       {body: `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`, code: 400},
		"no UID":                           {body: strings.Replace(good, `"uid"`, `"UUID"`, 1), code: 400},
		"cut off":                          {body: good[:len(good)/2], code: 400},
		"something after it":               {body: good + "{}", code: 400},
		"an object that is null":           {body: rawObject(good, "null"), code: 200},
		"an object that is a list":         {body: rawObject(good, "[]"), code: 200},
		"a spec that is a string":          {body: rawObject(good, `{"spec":"x"}`), code: 200},
		"containers that are an object":    {body: rawObject(good, `{"spec":{"containers":{}}}`), code: 200},
		"an image that is a number":        {body: rawObject(good, `{"spec":{"containers":[{"image":5}]}}`), code: 200},
		"a body larger than any review":    {body: good + strings.Repeat(" ", maxBody), code: 400},
		"an object nested without an end":  {body: rawObject(good, strings.Repeat(`{"spec":`, 20000)), code: 400},
		"an image volume without a string": {body: rawObject(good, `{"spec":{"volumes":[{"image":{"reference":{}}}]}}`), code: 200},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			recorder := httptest.NewRecorder()
			NewHandler(newAdmitter(t)).ServeHTTP(recorder, post(t, []byte(c.body)))
			if recorder.Code != c.code {
				t.Errorf("status %d, want %d: %s", recorder.Code, c.code, recorder.Body)
			}
			if c.code == 200 && !strings.Contains(recorder.Body.String(), `"allowed":false`) {
				t.Errorf("not denied: %s", recorder.Body)
			}
		})
	}
}

// rawObject returns the review with another object.
func rawObject(review, object string) string {
	i := strings.Index(review, `"object":`) + len(`"object":`)
	return review[:i] + object + review[strings.Index(review, `,"oldObject"`):]
}

func TestHandlerTakesOnlyPosts(t *testing.T) {
	recorder := httptest.NewRecorder()
	NewHandler(newAdmitter(t)).ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/validate-pods", nil))
	if recorder.Code != http.StatusMethodNotAllowed {
		t.Errorf("status %d, want 405", recorder.Code)
	}
}

// TestLargeReviewsWaitForAPlace holds that many large bodies are not held at once, and that small ones do not wait for them.
func TestLargeReviewsWaitForAPlace(t *testing.T) {
	h := NewHandler(newAdmitter(t))
	for range maxLarge {
		h.large <- struct{}{}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	large := append(reviewOf(t, written(checkout, "trusted")), bytes.Repeat([]byte(" "), smallBody)...)
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, post(t, large).WithContext(gone))
	if recorder.Code != http.StatusServiceUnavailable {
		t.Errorf("a large review without a place: status %d, want 503", recorder.Code)
	}
	recorder = httptest.NewRecorder()
	h.ServeHTTP(recorder, post(t, reviewOf(t, written(checkout, "trusted"))))
	if recorder.Code != http.StatusOK {
		t.Errorf("a small review meanwhile: status %d, want 200", recorder.Code)
	}
	<-h.large
	recorder = httptest.NewRecorder()
	h.ServeHTTP(recorder, post(t, large))
	if recorder.Code != http.StatusOK || !strings.Contains(recorder.Body.String(), `"allowed":true`) {
		t.Errorf("a large review with a place: status %d, %s", recorder.Code, recorder.Body)
	}
	if len(h.large) != maxLarge-1 {
		t.Errorf("%d places are taken, want %d", len(h.large), maxLarge-1)
	}
}

func post(t testing.TB, body []byte) *http.Request {
	t.Helper()
	return httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/validate-pods", io.NopCloser(bytes.NewReader(body)))
}

// BenchmarkHandler measures a review of three trusted containers, and beside it what any webhook costs that decodes the
// review with the Kubernetes types and allows.
func BenchmarkHandler(b *testing.B) {
	good := written(checkout, "trusted")
	body := reviewOf(b, good, good, good)
	nothing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			b.Fatal(err)
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		review.Request = nil
		_ = json.NewEncoder(w).Encode(review)
	})
	for name, handler := range map[string]http.Handler{"assay": NewHandler(newAdmitter(b)), "nothing": nothing} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				recorder := httptest.NewRecorder()
				handler.ServeHTTP(recorder, post(b, body))
				if !bytes.Contains(recorder.Body.Bytes(), []byte(`"allowed":true`)) {
					b.Fatal(recorder.Body)
				}
			}
		})
	}
}
