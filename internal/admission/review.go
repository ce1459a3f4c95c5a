// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"encoding/json"
	"errors"
)

// What an AdmissionReview of admission.k8s.io/v1 holds that matters here. Only what is named is decoded: a Pod that no
// client knows how to decode can still be judged by its images.
type (
	review struct {
		APIVersion string    `json:"apiVersion"`
		Kind       string    `json:"kind"`
		Request    *Request  `json:"request,omitempty"`
		Response   *Response `json:"response,omitempty"`
	}

	// Request is the request of an AdmissionReview.
	Request struct {
		UID       string `json:"uid"`
		Kind      Kind   `json:"kind"`
		Namespace string `json:"namespace"`
		Operation string `json:"operation"`
		Object    *Pod   `json:"object"`
		OldObject *Pod   `json:"oldObject"`
	}

	// Kind of the object.
	Kind struct {
		Group string `json:"group"`
		Kind  string `json:"kind"`
	}

	// Response is the answer to a Request.
	Response struct {
		UID              string            `json:"uid"`
		Allowed          bool              `json:"allowed"`
		Status           *Status           `json:"status,omitempty"`
		Warnings         []string          `json:"warnings,omitempty"`
		AuditAnnotations map[string]string `json:"auditAnnotations,omitempty"`
	}

	// Status tells why a Request was denied.
	Status struct {
		Code    int    `json:"code"`
		Reason  string `json:"reason"`
		Message string `json:"message"`
	}
)

const (
	reviewVersion = "admission.k8s.io/v1"
	reviewKind    = "AdmissionReview"
)

// errNoReview says that a body is no AdmissionReview, so that there is nothing to answer.
var errNoReview = errors.New("want an AdmissionReview of " + reviewVersion + " with a request")

// decodeRequest returns the request in an AdmissionReview. When all but its Pods can be decoded, they are nil.
func decodeRequest(body []byte) (*Request, error) {
	var full review
	if err := json.Unmarshal(body, &full); err == nil {
		return checked(full.APIVersion, full.Kind, full.Request)
	}
	var bare struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Request    *struct {
			UID       string `json:"uid"`
			Kind      Kind   `json:"kind"`
			Namespace string `json:"namespace"`
			Operation string `json:"operation"`
		} `json:"request"`
	}
	if err := json.Unmarshal(body, &bare); err != nil || bare.Request == nil {
		return nil, errNoReview
	}
	r := bare.Request
	return checked(bare.APIVersion, bare.Kind, &Request{UID: r.UID, Kind: r.Kind, Namespace: r.Namespace, Operation: r.Operation})
}

func checked(version, kind string, request *Request) (*Request, error) {
	if version != reviewVersion || kind != reviewKind || request == nil || request.UID == "" {
		return nil, errNoReview
	}
	return request, nil
}

func encodeResponse(response Response) ([]byte, error) {
	return json.Marshal(review{APIVersion: reviewVersion, Kind: reviewKind, Response: &response})
}
