// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"k8s.io/utils/ptr"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// Where texts of the samples stand.
var (
	inConfigMap = &v1alpha1.ConfigMapKeyReference{Name: "trust", Key: "text.pem"}
	inSecret    = &v1alpha1.SecretKeyReference{Name: "trust", Key: "text.pem"}
)

// everyText and everyDocument have, one after another, each place in which a text may stand.
func everyText() []v1alpha1.TextSource {
	return []v1alpha1.TextSource{{Inline: "-----BEGIN CERTIFICATE-----"}, {ConfigMapKeyRef: inConfigMap}, {SecretKeyRef: inSecret}}
}

func everyDocument() []v1alpha1.DocumentSource {
	return []v1alpha1.DocumentSource{{ConfigMapKeyRef: inConfigMap}, {SecretKeyRef: inSecret}, {SecretKeyRef: inSecret}}
}

// everyAuthority returns authorities that together have every field. The first two are named as rules of the samples name them.
func everyAuthority() []v1alpha1.Authority {
	keys := []v1alpha1.KeySource{
		{ConfigMapKeyRef: inConfigMap},
		{Inline: "-----BEGIN PUBLIC KEY-----", NotBefore: ptr.To(v1alpha1.Timestamp("2026-01-31T00:00:00Z")), NotAfter: ptr.To(v1alpha1.Timestamp("2027-01-31T00:00:00Z"))},
		{SecretKeyRef: inSecret},
	}
	names := [][3]v1alpha1.RuleName{{"ci", "workflow", "chain"}, {"release", "people", "chain-of-one"}, {"another", "others", "chain-of-many"}}
	authorities := []v1alpha1.Authority{{Name: "service", Key: &v1alpha1.KeySource{KMS: "hashivault://release"}}}
	for i, text := range everyText() {
		root := everyDocument()[i]
		key := keys[i]
		key.TransparencyLog, key.TrustRoot, key.Timestamps = v1alpha1.LogRequired, &root, &text
		chain := v1alpha1.CertificateAuthority{Chain: text, Subject: "ci@example.com", Timestamps: &text, TransparencyLog: v1alpha1.LogOptional, TrustRoot: &root}
		if i > 0 {
			chain.Subject, chain.SubjectRegExp = "", `.*@example\.com`
		}
		authorities = append(authorities,
			v1alpha1.Authority{Name: names[i][0], Key: &key},
			v1alpha1.Authority{Name: names[i][1], Keyless: &v1alpha1.KeylessAuthority{
				Identities: everyIdentity(), TrustRoot: &root, Timestamps: &text, TransparencyLog: v1alpha1.LogOptional,
			}},
			v1alpha1.Authority{Name: names[i][2], Certificate: &chain})
	}
	return authorities
}

func everyIdentity() []v1alpha1.Identity {
	return []v1alpha1.Identity{
		{
			Issuer: "https://token.actions.githubusercontent.com", Subject: "https://github.com/shop/checkout/.github/workflows/build.yaml@refs/heads/main",
			SourceRepository: "https://github.com/shop/*", SourceRef: "refs/heads/main", Workflow: "build", Trigger: "push",
		},
		{IssuerRegExp: `https://accounts\.example\.com`, SubjectRegExp: `.*@example\.com`},
	}
}

// everyAttestation returns rules on attestations that together have every field.
func everyAttestation() []v1alpha1.AttestationRule {
	by, anything := []v1alpha1.RuleName{"ci", "release"}, []v1alpha1.AttestedPattern{"https://example.com/*"}
	return []v1alpha1.AttestationRule{
		{Name: "built", PredicateType: "https://slsa.dev/provenance/v1", SignedBy: by, Rule: "has(predicate.runDetails)", SLSA: &v1alpha1.ProvenanceRules{
			Builders: anything, Sources: anything, Refs: []v1alpha1.AttestedPattern{"refs/tags/v*"}, BuildTypes: anything, MinLevel: 2,
		}},
		{Name: "scanned", PredicateType: "https://cosign.sigstore.dev/attestation/vuln/v1", SignedBy: by, Scan: &v1alpha1.ScanAttestationRules{MaxAge: "24h"}},
		{Name: "verified", PredicateType: "https://slsa.dev/verification_summary/v1", SignedBy: by, VSA: &v1alpha1.SummaryRules{
			Verifiers: anything, Resources: []v1alpha1.AttestedPattern{"oci://example.com/*"}, MinLevel: 3,
		}},
		{Name: "tested", PredicateType: "https://in-toto.io/attestation/test-result/v0.1", SignedBy: by, TestResult: &v1alpha1.TestResultRules{
			Tests: []v1alpha1.AttestedPattern{"e2e/*"},
		}},
	}
}

// everyLayout returns layouts that together have every field.
func everyLayout() []v1alpha1.LayoutRule {
	return []v1alpha1.LayoutRule{
		{Name: "one", Layout: everyDocument()[0], Keys: everyText()},
		{Name: "two", Layout: everyDocument()[1], Keys: everyText()[:1]},
	}
}

// everySigner returns those of whom a status tells.
func everySigner() []v1alpha1.SignerReference {
	return []v1alpha1.SignerReference{{
		Authority: "ci", PredicateType: "https://slsa.dev/provenance/v1", Identity: "ci@example.com", Issuer: "https://accounts.example.com",
		SignedAt: ptr.To(v1alpha1.Timestamp("2026-11-21T00:00:00Z")), SignedAtBy: "transparency log", LogEntry: "https://log.example.com 7",
		Builder: "https://example.com/builder", Source: "https://github.com/shop/checkout@refs/heads/main", Commit: "c0ffee",
		NotAfter: ptr.To(v1alpha1.Timestamp("2027-01-31T00:00:00Z")),
	}}
}
