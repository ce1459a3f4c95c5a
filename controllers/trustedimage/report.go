// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"errors"
	"slices"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/reconcile"
)

// report describes the candidate and the current digest. Where the description says something else than the status does now, the whole
// report of the findings is kept first, so that reports belong to what the status says.
func (r *Reconciler) report(ctx context.Context, s *scope) {
	if s.candidate != nil {
		r.describe(ctx, s, *s.candidate, &s.verdict)
	}
	if current := s.current(); current != nil && current.verdict != nil {
		r.describe(ctx, s, current.reference, current.verdict)
		_, expires := policy.ExpiringKeys(s.descriptions[current.reference].Signers, s.now)
		s.soon(expires)
	}
}

func (r *Reconciler) describe(ctx context.Context, s *scope, reference image.Reference, verdict *policy.Verdict) {
	examined, known := s.examined[reference]
	if _, done := s.descriptions[reference]; done || !known {
		return
	}
	now := describe(s.policies[reference.Repository].Policies, examined, *verdict, s.now)
	if was, there := described(&s.object.Status, reference); there && now.says(was) && was.Scan != nil && namesSBOMs(was.Reports, examined) {
		now.Scan, now.Reports = was.Scan, was.Reports
		s.descriptions[reference] = now
		return
	}
	var err error
	if now.Reports, err = r.keepReports(ctx, s, examined); err != nil {
		s.reportErr = &reconcile.Failed{Reason: v1alpha1.ReasonStorageFailed, Message: "the report of the findings cannot be kept: " + err.Error(), Cause: err}
	}
	s.descriptions[reference] = now
}

// namesSBOMs says that a status names the SBOMs that are kept now. On a fresh disk they are written anew, and no two are the same.
func namesSBOMs(named []v1alpha1.ReportReference, examined evidence.Evidence) bool {
	var kept []v1alpha1.ReportReference
	for _, platform := range examined.Platforms {
		for _, document := range platform.SBOMs {
			kept = append(kept, referTo(platform.Manifest, document))
		}
	}
	kept = kept[:min(len(kept), maxReports)]
	return !slices.ContainsFunc(kept, func(reference v1alpha1.ReportReference) bool { return !slices.Contains(named, reference) })
}

// referTo names a document about a platform's image.
func referTo(manifest image.Digest, document evidence.Report) v1alpha1.ReportReference {
	return v1alpha1.ReportReference{
		Type: reportTypes[document.Kind], Subject: v1alpha1.DigestString(manifest.String()), Digest: v1alpha1.DigestString(document.Digest.String()),
	}
}

// reportTypes name the kinds of reports in a status.
var reportTypes = map[evidence.Kind]string{
	evidence.KindSPDX:            "spdx",
	evidence.KindCycloneDX:       "cyclonedx",
	evidence.KindVulnerabilities: "vulnerabilities",
}

// maxReports bounds the reports in a status, as the API has it: three for each of 16 platforms.
const maxReports = 48

// keepReports keeps the reports of the findings and names all documents about the image in the store.
func (r *Reconciler) keepReports(ctx context.Context, s *scope, examined evidence.Evidence) ([]v1alpha1.ReportReference, error) {
	var references []v1alpha1.ReportReference
	var failure error
	for _, platform := range examined.Platforms {
		documents := slices.Clone(platform.SBOMs)
		report, err := r.keepReport(ctx, s, examined, platform)
		failure = errors.Join(failure, err)
		if !report.Digest.IsZero() {
			documents = append(documents, report)
		}
		for _, document := range documents {
			references = append(references, referTo(platform.Manifest, document))
		}
	}
	return references[:min(len(references), maxReports)], failure
}

// keepReport keeps the report of the findings in one platform's image, which names no environment: whoever has the image may see it.
// It replaces the one that the status names now, and no other's. There is none while the findings are not known.
func (r *Reconciler) keepReport(ctx context.Context, s *scope, examined evidence.Evidence, platform evidence.Platform) (evidence.Report, error) {
	if platform.Findings.State != evidence.Known || examined.Database.State != evidence.Known {
		return evidence.Report{}, nil
	}
	content, err := attestation.Report(ctx, attestation.Scan{
		Platform: platform, Database: examined.Database, KEV: examined.KEV, EPSS: examined.EPSS, Version: r.Seals.Version,
	}, r.Describer)
	if err != nil {
		return evidence.Report{}, err
	}
	if err := r.Seals.Store.Put(ctx, platform.Manifest, evidence.ReportKind(environment(s.name), examined.Image), content); err != nil {
		return evidence.Report{}, err
	}
	return evidence.Report{Kind: evidence.KindVulnerabilities, Digest: image.DigestOf(content)}, nil
}
