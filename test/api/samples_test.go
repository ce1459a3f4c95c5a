// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package api tests the kinds on a real API server: what it refuses, what it accepts, merges and prints.
package api_test

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// samples returns objects that together have every field of the kinds, each valid.
func samples(namespace string) map[string]client.Object {
	name := metav1.ObjectMeta{Namespace: namespace, Name: "full"}
	digest := v1alpha1.DigestString("sha256:" + strings.Repeat("a", 64))
	conditions := []metav1.Condition{{
		Type: "Ready", Status: metav1.ConditionTrue, Reason: "Succeeded", Message: "m", ObservedGeneration: 1,
		LastTransitionTime: metav1.Unix(1800000000, 0),
	}}
	rules := []v1alpha1.RuleResult{{Policy: "p", Rule: "r", Result: v1alpha1.ResultFail, Reason: "R", Message: "m"}}
	findings := &v1alpha1.FindingCounts{Critical: 1, High: 1, Medium: 1, Low: 1, Unknown: 1, Exploited: ptr.To[int32](1), Excused: 1}
	worst := []v1alpha1.FindingReference{{ID: "CVE-1", Package: "p", Version: "1", FixedVersion: "2", Severity: v1alpha1.SeverityHigh, Exploited: true}}
	moment := ptr.To(v1alpha1.Timestamp("2026-11-21T00:00:00Z"))
	excused := []v1alpha1.ExcusedFinding{{ID: "CVE-1", Package: "p", By: "a vulnerabilities.exceptions", Owner: "shop", Until: moment}}
	scan := &v1alpha1.ScanReference{Database: string(digest), DatabaseUpdatedAt: moment, KEV: "2026.11.21", EPSS: "2026-11-21"}
	reports := []v1alpha1.ReportReference{{Type: "spdx", Subject: digest, Digest: digest}}
	trusted := v1alpha1.TrustedDigest{
		Digest: digest, Repository: "example.com/a", Platforms: []v1alpha1.PlatformDigest{{Platform: "linux/amd64", Digest: digest}},
		TrustedAt: "2026-11-21T00:00:00Z", PoliciesHash: digest, NotPassingSince: moment,
		Findings: findings, Worst: worst, Excused: excused, Scan: scan, Reports: reports, Signers: everySigner(), Rules: rules,
		Replaces: &v1alpha1.DigestReference{Digest: digest, Repository: "registry.example.com/shop/checkout"}, SealDigest: digest, Signature: "c2lnbmF0dXJl",
	}
	status := v1alpha1.TrustedImageStatus{
		ObservedGeneration: 1, LastHandledReconcileAt: "now", Conditions: conditions,
		Summary: v1alpha1.ImageSummary{
			Image: "a:1", Digest: "aaaaaaaaaaaa", Verdict: v1alpha1.VerdictTrusted, Reason: "PolicyPassed", Critical: ptr.To[int32](0),
			High: ptr.To[int32](2), Exploited: ptr.To[int32](0), SignedBy: "ci", SBOM: "spdx", Candidate: "bbbbbbbbbbbb",
		},
		Policies: []string{"p"}, Trusted: &trusted, History: []v1alpha1.TrustedDigest{trusted},
		Candidate: &v1alpha1.CandidateDigest{
			Digest: digest, Repository: "example.com/a", Verdict: v1alpha1.VerdictRejected, Findings: findings, Worst: worst,
			Excused: excused, Scan: scan, Reports: reports, Signers: everySigner(), Rules: rules,
		},
	}
	spec := v1alpha1.TrustedImageSpec{
		PromoteTo: []v1alpha1.PromotionTarget{{Namespace: "prod"}}, Interval: ptr.To(v1alpha1.Duration("10m")),
		Platforms: []v1alpha1.PlatformString{"linux/amd64"}, ImagePullSecrets: []v1alpha1.LocalObjectReference{{Name: "pull"}}, Suspend: true,
	}
	byTag, byDigest, byUpstream := spec, spec, spec
	byTag.Source.Registry = &v1alpha1.RegistrySource{Repository: "example.com/a", Tag: "1", CertSecretRef: &v1alpha1.LocalObjectReference{Name: "ca"}}
	byDigest.Source.Registry = &v1alpha1.RegistrySource{Repository: "example.com/a", Digest: digest}
	byUpstream.Source.UpstreamRef = &v1alpha1.UpstreamReference{Namespace: "dev", Name: "a"}

	policy := everyField(digest)
	delegating := *policy.DeepCopy()
	delegating.Vulnerabilities.DelegateExceptions = &v1alpha1.ExceptionDelegation{
		Namespaces: []v1alpha1.NamespacePattern{"shop-*"}, MaxSeverity: v1alpha1.SeverityHigh, MaxDuration: "720h",
	}
	policyStatus := v1alpha1.PolicyStatus{
		ObservedGeneration: 1, Conditions: conditions,
		Feeds:            []v1alpha1.FeedStatus{{Name: "kev", Version: "2026.11.21", UpdatedAt: moment, Message: "m"}},
		UnusedExceptions: []v1alpha1.ExceptionReference{{ID: "CVE-1", Package: "pkg:deb/debian/openssl"}},
	}
	meta := func(suffix string) metav1.ObjectMeta {
		named := *name.DeepCopy()
		named.Name += suffix
		return named
	}
	return map[string]client.Object{
		"TrustedImage by tag":      &v1alpha1.TrustedImage{ObjectMeta: meta("-tag"), Spec: byTag, Status: status},
		"TrustedImage by digest":   &v1alpha1.TrustedImage{ObjectMeta: meta("-digest"), Spec: byDigest},
		"TrustedImage by upstream": &v1alpha1.TrustedImage{ObjectMeta: meta("-upstream"), Spec: byUpstream},
		"ImagePolicy":              &v1alpha1.ImagePolicy{ObjectMeta: meta(""), Spec: policy, Status: policyStatus},
		"ClusterImagePolicy": &v1alpha1.ClusterImagePolicy{
			ObjectMeta: metav1.ObjectMeta{Name: namespace},
			Spec:       v1alpha1.ClusterPolicySpec{Namespaces: []v1alpha1.NamespacePattern{"nowhere"}, PolicySpec: delegating},
			Status:     policyStatus,
		},
	}
}

// everyField returns a spec that has every field which both kinds of policies have.
func everyField(digest v1alpha1.DigestString) v1alpha1.PolicySpec {
	return v1alpha1.PolicySpec{
		Images: []v1alpha1.ImagePattern{"example.com/**"},
		Vulnerabilities: &v1alpha1.VulnerabilityRules{
			Block: []v1alpha1.BlockRule{{
				Name: "any", MinSeverity: v1alpha1.SeverityHigh, MinEPSS: "0.1", Fix: v1alpha1.FixAvailable, Exploited: v1alpha1.ExploitedKnown,
				GracePeriod: &v1alpha1.GracePeriod{Duration: "168h", From: v1alpha1.GraceFromFixSeen},
			}},
			NotWorseThanCurrent: true, MaxScanAge: ptr.To(v1alpha1.Duration("24h")),
			EndOfLife: v1alpha1.ToleranceDeny, Unidentified: v1alpha1.ToleranceAllow,
			Exceptions: []v1alpha1.VulnerabilityException{{
				ID: "CVE-1", Package: "pkg:deb/debian/openssl@<3.0.5", Images: []v1alpha1.ImagePattern{"example.com/a"},
				Digests: []v1alpha1.DigestString{digest}, Reason: "no TLS server", ExpiresAt: "2027-01-31T00:00:00Z", ExpireOnFix: true,
				Owner: "shop", Ticket: "https://example.com/1",
			}},
			VEX: []v1alpha1.VEXSource{
				{Name: "attested", AttestedBy: []v1alpha1.RuleName{"ci"}},
				{Name: "vendor", ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: "vex", Key: "vendor.json"}},
			},
		},
		SBOM: &v1alpha1.SBOMRules{Deny: []v1alpha1.SBOMDenyRule{{
			Name: "copyleft", Packages: []v1alpha1.PackagePattern{"pkg:npm/*"}, Licenses: []v1alpha1.LicensePattern{"AGPL-*"},
		}}},
		Authorities:  everyAuthority(),
		Signatures:   []v1alpha1.SignatureRule{{Name: "built", AnyOf: []v1alpha1.RuleName{"ci", "release"}, Threshold: 2}},
		Attestations: everyAttestation(),
		Layouts:      everyLayout(),
		Image:        &v1alpha1.ImageRules{User: v1alpha1.UserNonRoot, Secrets: v1alpha1.SecretsDeny},
		Promotion:    &v1alpha1.PromotionRules{From: &v1alpha1.PromotionFrom{Namespaces: []v1alpha1.NamespacePattern{"*-staging"}}},
		Admission:    &v1alpha1.AdmissionRules{Mode: v1alpha1.AdmissionEnforce},
	}
}
