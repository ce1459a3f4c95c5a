// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/reconcile"
)

// writeStatus says in the status what the phases found. What they could not find out stays as it was.
func (s *scope) writeStatus(status *v1alpha1.TrustedImageStatus) {
	if s.recalled {
		s.writeTrusted(status)
	}
	if s.object.Spec.Suspend {
		s.writeSuspended(status)
		return
	}
	if s.waitsForFirstResult() || !s.pending {
		status.ObservedGeneration = s.object.Generation
		s.writeConditions(status)
	}
	if !s.pending {
		status.LastHandledReconcileAt = requestedAt(s.object)
		s.writeCandidate(status)
		s.writePolicies(status)
	}
	s.writeSummary(status)
}

// writeSuspended says of a suspended image what became of the digests that it trusts. All else stays as it was.
func (s *scope) writeSuspended(status *v1alpha1.TrustedImageStatus) {
	status.ObservedGeneration = s.object.Generation
	s.writeSummary(status)
	status.Summary.Reason = v1alpha1.ReasonSuspended
	if s.pending || len(status.Conditions) == 0 && s.current() == nil {
		return
	}
	ready := condition{metav1.ConditionFalse, v1alpha1.ReasonSuspended, "nothing is trusted, and spec.suspend keeps Assay from taking a digest"}
	if s.current() != nil || s.recallErr != nil {
		ready = s.ready()
	}
	conditions := reconcile.Conditions{List: &status.Conditions, Generation: s.object.Generation, Now: s.now}
	conditions.Set(v1alpha1.ReadyCondition, ready.status, ready.reason, ready.message)
}

// waitsForFirstResult says that nothing is known of this generation yet, so that the status should at least say that.
func (s *scope) waitsForFirstResult() bool {
	return s.pending && s.object.Status.ObservedGeneration != s.object.Generation
}

func requestedAt(object *v1alpha1.TrustedImage) string {
	value := object.Annotations[v1alpha1.RequestedAtAnnotation]
	return strings.ToValidUTF8(value[:min(len(value), 64)], "")
}

func (s *scope) writeTrusted(status *v1alpha1.TrustedImageStatus) {
	status.Trusted, status.History = nil, nil
	for i, e := range s.trusted {
		record := e.record
		if i > 0 {
			description{Findings: record.Findings}.describeTrusted(&record)
			status.History = append(status.History, record)
			continue
		}
		if described, found := s.descriptions[e.reference]; found {
			described.describeTrusted(&record)
		}
		status.Trusted = &record
	}
}

func (s *scope) writeCandidate(status *v1alpha1.TrustedImageStatus) {
	current := s.current()
	if s.candidate == nil {
		if s.resolveErr == nil {
			status.Candidate = nil
		}
		return
	}
	if current != nil && current.reference == *s.candidate {
		status.Candidate = nil
		return
	}
	candidate := &v1alpha1.CandidateDigest{
		Digest:     v1alpha1.DigestString(s.candidate.Digest.String()),
		Repository: s.candidate.Repository.String(),
		Verdict:    s.verdict.Outcome.Verdict(),
	}
	s.descriptions[*s.candidate].describeCandidate(candidate)
	status.Candidate = candidate
}

func (s *scope) writePolicies(status *v1alpha1.TrustedImageStatus) {
	reference := s.shown()
	if reference == nil {
		return
	}
	if policies, found := s.policies[reference.Repository]; found && policies.err == nil {
		status.Policies = policy.Names(policies.Policies)
	}
}

// shown is the digest that the row of kubectl get speaks of: the trusted one, and the candidate when nothing is trusted.
func (s *scope) shown() *image.Reference {
	if current := s.current(); current != nil {
		return &current.reference
	}
	return s.candidate
}

func (s *scope) writeSummary(status *v1alpha1.TrustedImageStatus) {
	summary := &status.Summary
	summary.Image = s.displayName(summary.Image)
	summary.Candidate = ""
	if status.Candidate != nil {
		summary.Candidate = short(status.Candidate.Digest)
	}
	findings := (*v1alpha1.FindingCounts)(nil)
	switch {
	case status.Trusted != nil:
		summary.Digest, findings = short(status.Trusted.Digest), status.Trusted.Findings
		summary.Verdict = s.verdictOnTrusted(status.Trusted)
	case status.Candidate != nil:
		summary.Digest, findings = summary.Candidate, status.Candidate.Findings
		summary.Verdict = status.Candidate.Verdict
	default:
		summary.Digest, summary.Verdict = "", v1alpha1.VerdictUndetermined
	}
	summary.Critical, summary.High, summary.Exploited = nil, nil, nil
	if findings != nil {
		summary.Critical, summary.High, summary.Exploited = ptr.To(findings.Critical), ptr.To(findings.High), findings.Exploited
	}
	summary.Reason = s.reason(summary.Reason)
	reference := s.shown()
	if reference == nil {
		if status.Candidate == nil { // and otherwise nobody has looked at it again yet
			summary.SignedBy, summary.SBOM = "", ""
		}
		return
	}
	if collected, found := s.evidence[*reference]; found {
		summary.SignedBy = policy.SignedBy(s.policies[reference.Repository].Policies, collected, s.now)
		summary.SBOM = sbomFormats(collected)
	}
}

// reason says in a word why the row is as it is; was is what it said before, for while work is under way.
func (s *scope) reason(was string) string {
	current := s.current()
	for _, err := range []error{s.recallErr, s.resolveErr, s.gatherErr} {
		if err != nil {
			reason, _ := reconcile.Describe(err, v1alpha1.ReasonInProgress)
			return reason
		}
	}
	switch {
	case s.pending && was != "" && !s.waitsForFirstResult():
		return was
	case s.pending:
		return v1alpha1.ReasonInProgress
	case current != nil && s.candidate != nil && current.reference != *s.candidate:
		return s.verdict.Reason()
	case current != nil && current.record.NotPassingSince != nil:
		return v1alpha1.ReasonInGrace
	case current != nil:
		return v1alpha1.ReasonPolicyPassed
	case s.candidate != nil:
		return s.verdict.Reason()
	}
	return v1alpha1.ReasonInProgress
}

// displayName is the repository without its host, and the tag of a registry source.
func (s *scope) displayName(was string) string {
	if source := s.object.Spec.Source.Registry; source != nil {
		repository, err := image.ParseRepository(source.Repository)
		if err != nil {
			return source.Repository
		}
		name := strings.TrimPrefix(repository.Path(), "library/")
		if source.Tag != "" {
			name += ":" + source.Tag
		}
		return name
	}
	if reference := s.shown(); reference != nil {
		return strings.TrimPrefix(reference.Repository.Path(), "library/")
	}
	return was
}

// verdictOnTrusted is the verdict on the trusted digest that is shown. One that stopped passing was rejected, unless it is only
// that no policy speaks of it any more.
func (s *scope) verdictOnTrusted(trusted *v1alpha1.TrustedDigest) v1alpha1.Verdict {
	if trusted.NotPassingSince == nil {
		return v1alpha1.VerdictTrusted
	}
	if current := s.current(); current != nil && current.verdict != nil && current.verdict.Reason() == v1alpha1.ReasonNoMatchingPolicy {
		return v1alpha1.VerdictUndetermined
	}
	return v1alpha1.VerdictRejected
}

func short(digest v1alpha1.DigestString) string {
	parsed, err := image.ParseDigest(string(digest))
	if err != nil {
		return ""
	}
	return parsed.Short()
}

// stalled is the first error that only a change of a spec can mend.
func (s *scope) stalled() *reconcile.Stalled {
	for _, err := range s.failures() {
		var stalled *reconcile.Stalled
		if errors.As(err, &stalled) {
			return stalled
		}
	}
	return nil
}

func resolvedMessage(reference image.Reference) string {
	return fmt.Sprintf("the source names %s", reference)
}

// sbomFormats lists the formats of the SBOMs that are kept once every platform was indexed.
func sbomFormats(collected evidence.Evidence) string {
	for _, platform := range collected.Platforms {
		indexed := platform.Inventory.State == evidence.Known || platform.Inventory.Reason == v1alpha1.ReasonInventoryIncomplete
		if !indexed {
			return ""
		}
	}
	return "cyclonedx,spdx"
}
