// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package admission decides which Pods may run: those whose images are all in the trust index. It calls nobody. What it
// cannot decide it denies.
package admission

import (
	"fmt"
	"net/http"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy/scope"
	"github.com/assay-dev/assay/internal/trust"
)

// auditAnnotation is the key of the audit annotation of a Pod that was let in only because no policy enforces. The API
// server puts the webhook's name before it.
const auditAnnotation = "untrusted"

// maxImages bounds the images of one Pod. Real Pods have a few dozen at most.
const maxImages = 512

// Admitter decides on Pods.
type Admitter struct {
	Index *trust.Index
	// Policies returns all policies as they are known now. Nobody may change what it returns.
	Policies func() []scope.Scope
	// Synced says that the index and the policies are known. Until then every Pod is denied.
	Synced func() bool
}

// Review answers one request. On an update only what is changed or added is looked at, so that nobody is kept from changing
// the labels of a Pod whose trust has ended since.
func (a *Admitter) Review(request *Request) Response {
	switch {
	case request.Operation != "CREATE" && request.Operation != "UPDATE":
		return Response{UID: request.UID, Allowed: true} // No other operation brings an image in.
	case request.Kind != Kind{Kind: "Pod"}:
		return deny(request, http.StatusBadRequest, "BadRequest", "Assay judges Pods only; correct the rules of the webhook's configuration")
	case request.Object == nil || request.Object.Spec == nil:
		return deny(request, http.StatusBadRequest, "BadRequest", "the Pod cannot be decoded")
	case !a.Synced():
		return deny(request, http.StatusServiceUnavailable, "ServiceUnavailable", "Assay does not know yet what is trusted; try again in a moment")
	}
	return a.reviewImages(request)
}

func (a *Admitter) reviewImages(request *Request) Response {
	var refused, audited []string
	count := 0
	for where, written := range request.Object.Spec.images() {
		if count++; count > maxImages {
			return deny(request, http.StatusForbidden, "Forbidden", fmt.Sprintf("the Pod names more than %d images", maxImages))
		}
		if request.Operation == "UPDATE" && request.OldObject.had(where, written) {
			continue
		}
		refusal, mode := a.judge(request.Namespace, written)
		switch {
		case refusal == "":
		case mode == v1alpha1.AdmissionAudit:
			audited = append(audited, bounded(where.String()+": "+refusal))
		default:
			refused = append(refused, bounded(where.String()+": "+refusal))
		}
	}
	if len(refused) > 0 {
		denied := deny(request, http.StatusForbidden, "Forbidden", joined(refused))
		denied.Warnings = first(audited)
		return denied
	}
	response := Response{UID: request.UID, Allowed: true, Warnings: first(audited)}
	if len(audited) > 0 {
		response.AuditAnnotations = map[string]string{auditAnnotation: joined(audited)}
	}
	return response
}

// judge tells why an image may not run in the namespace, and whether that is enforced; "" when it may.
func (a *Admitter) judge(namespace, written string) (refusal string, mode v1alpha1.AdmissionMode) {
	reference, err := image.ParseReference(written)
	if err == nil && a.Index.Admissible(namespace, reference) {
		return "", ""
	}
	repository := reference.Repository
	if err != nil {
		if repository, err = repositoryOf(written); err != nil {
			return malformed(written), v1alpha1.AdmissionEnforce
		}
	}
	policies := scope.Matching(a.Policies(), namespace, repository)
	mode = scope.Mode(policies)
	switch {
	case reference.Digest.IsZero():
		return noDigest(written, repository, a.Index.Explain(namespace, image.Reference{Repository: repository}).Trusted), mode
	case len(policies) == 0:
		return noPolicy(namespace, repository), mode
	}
	return untrusted(namespace, reference, a.Index.Explain(namespace, reference)), mode
}

func deny(request *Request, code int, reason, message string) Response {
	return Response{UID: request.UID, Status: &Status{Code: code, Reason: reason, Message: message}}
}
