// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keys_test

import (
	"maps"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/policy"
)

// workflow is a build to which a certificate was issued for ten minutes, and whose signature a log saw in that time.
func workflow() evidence.Signer {
	signedAt := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	return evidence.Signer{
		Times: []evidence.TrustedTime{{Time: signedAt, By: evidence.WitnessLog}},
		Certificate: &evidence.Certificate{
			Subject: "s", Issuer: "i", Authority: "sigstore", SourceRepository: "repository", SourceRef: "ref", Workflow: "workflow", Trigger: "push",
			NotBefore: signedAt.Add(-time.Minute), NotAfter: signedAt.Add(9 * time.Minute),
		},
	}
}

func (w *world) keylessFlips() map[string]flip {
	type source = v1alpha1.KeylessAuthority
	of := func(s source) policy.Policy { return by(ofIdentities(s)) }
	keyless := func(s *v1alpha1.PolicySpec) *source { return s.Authorities[0].Keyless }
	usual := of(source{})
	document := &v1alpha1.DocumentSource{ConfigMapKeyRef: inConfigMap("texts", "a")}
	rows := map[string]flip{
		"authorities[].keyless":                 open(usual, workflow(), func(s *v1alpha1.PolicySpec) { s.Authorities[0].Keyless = nil }),
		"authorities[].keyless.identities":      {usual, workflow(), func(s *v1alpha1.PolicySpec) { keyless(s).Identities = nil }, policy.Rejected},
		"authorities[].keyless.transparencyLog": open(usual, workflow(), func(s *v1alpha1.PolicySpec) { keyless(s).TransparencyLog = v1alpha1.LogOptional }),
		"authorities[].keyless.trustRoot":       open(usual, workflow(), func(s *v1alpha1.PolicySpec) { keyless(s).TrustRoot = document }),
		"authorities[].keyless.timestamps":      open(usual, workflow(), func(s *v1alpha1.PolicySpec) { keyless(s).Timestamps = &v1alpha1.TextSource{Inline: "text"} }),
	}
	// Identities are compared under one and the same anchor.
	expressions := v1alpha1.Identity{IssuerRegExp: "i|j", SubjectRegExp: "s|t"}
	for field, row := range map[string]struct {
		before v1alpha1.Identity
		change func(*v1alpha1.Identity)
	}{
		"issuer":           {v1alpha1.Identity{Issuer: "i", Subject: "s"}, func(i *v1alpha1.Identity) { i.Issuer = "j" }},
		"issuerRegExp":     {expressions, func(i *v1alpha1.Identity) { i.IssuerRegExp = "j" }},
		"subject":          {v1alpha1.Identity{Issuer: "i", Subject: "s"}, func(i *v1alpha1.Identity) { i.Subject = "t" }},
		"subjectRegExp":    {expressions, func(i *v1alpha1.Identity) { i.SubjectRegExp = "t" }},
		"sourceRepository": {expressions, func(i *v1alpha1.Identity) { i.SourceRepository = "another" }},
		"sourceRef":        {expressions, func(i *v1alpha1.Identity) { i.SourceRef = "another" }},
		"workflow":         {expressions, func(i *v1alpha1.Identity) { i.Workflow = "another" }},
		"trigger":          {expressions, func(i *v1alpha1.Identity) { i.Trigger = "another" }},
	} {
		rows["authorities[].keyless.identities[]."+field] = flip{of(source{Identities: []v1alpha1.Identity{row.before}}), workflow(),
			func(s *v1alpha1.PolicySpec) { row.change(&keyless(s).Identities[0]) }, policy.Rejected}
	}
	maps.Copy(rows, ofDocument("authorities[].keyless.trustRoot", workflow(),
		func(d *v1alpha1.DocumentSource) policy.Policy { return of(source{TrustRoot: d}) },
		func(s *v1alpha1.PolicySpec) *v1alpha1.DocumentSource { return keyless(s).TrustRoot }))
	maps.Copy(rows, ofText("authorities[].keyless.timestamps", "texts", "text", "another text", workflow(),
		func(text v1alpha1.TextSource) policy.Policy { return of(source{Timestamps: &text}) },
		func(s *v1alpha1.PolicySpec) *v1alpha1.TextSource { return keyless(s).Timestamps }))
	return rows
}

func (w *world) chainFlips() map[string]flip {
	type source = v1alpha1.CertificateAuthority
	of := func(s source) policy.Policy {
		if s.Chain == (v1alpha1.TextSource{}) {
			s.Chain.Inline = "chain"
		}
		return by(ofChain(s))
	}
	certificate := func(s *v1alpha1.PolicySpec) *source { return s.Authorities[0].Certificate }
	usual := of(source{})
	document := &v1alpha1.DocumentSource{ConfigMapKeyRef: inConfigMap("texts", "a")}
	rows := map[string]flip{
		"authorities[].certificate":                 open(usual, workflow(), func(s *v1alpha1.PolicySpec) { s.Authorities[0].Certificate = nil }),
		"authorities[].certificate.chain":           open(usual, workflow(), func(s *v1alpha1.PolicySpec) { certificate(s).Chain = v1alpha1.TextSource{} }),
		"authorities[].certificate.subject":         {usual, workflow(), func(s *v1alpha1.PolicySpec) { certificate(s).Subject = "t" }, policy.Rejected},
		"authorities[].certificate.subjectRegExp":   {usual, workflow(), func(s *v1alpha1.PolicySpec) { certificate(s).SubjectRegExp = "t.*" }, policy.Rejected},
		"authorities[].certificate.transparencyLog": open(usual, workflow(), func(s *v1alpha1.PolicySpec) { certificate(s).TransparencyLog = v1alpha1.LogRequired }),
		"authorities[].certificate.trustRoot":       open(usual, workflow(), func(s *v1alpha1.PolicySpec) { certificate(s).TrustRoot = document }),
		"authorities[].certificate.timestamps":      open(usual, workflow(), func(s *v1alpha1.PolicySpec) { certificate(s).Timestamps = &v1alpha1.TextSource{Inline: "text"} }),
	}
	maps.Copy(rows, ofText("authorities[].certificate.chain", "texts", "text", "another text", workflow(),
		func(text v1alpha1.TextSource) policy.Policy { return of(source{Chain: text}) },
		func(s *v1alpha1.PolicySpec) *v1alpha1.TextSource { return &certificate(s).Chain }))
	maps.Copy(rows, ofDocument("authorities[].certificate.trustRoot", workflow(),
		func(d *v1alpha1.DocumentSource) policy.Policy { return of(source{TrustRoot: d}) },
		func(s *v1alpha1.PolicySpec) *v1alpha1.DocumentSource { return certificate(s).TrustRoot }))
	maps.Copy(rows, ofText("authorities[].certificate.timestamps", "texts", "text", "another text", workflow(),
		func(text v1alpha1.TextSource) policy.Policy { return of(source{Timestamps: &text}) },
		func(s *v1alpha1.PolicySpec) *v1alpha1.TextSource { return certificate(s).Timestamps }))
	return rows
}

func (w *world) layoutFlips() map[string]flip {
	of := func(document v1alpha1.DocumentSource, owners ...v1alpha1.TextSource) policy.Policy {
		p := namespaced
		p.Spec.Layouts = []v1alpha1.LayoutRule{{Name: "chain", Layout: document, Keys: owners}}
		return p
	}
	ci, release := v1alpha1.TextSource{Inline: w.ci}, v1alpha1.TextSource{Inline: w.release}
	usual := v1alpha1.DocumentSource{ConfigMapKeyRef: inConfigMap("texts", "a")}
	nobody := evidence.Signer{}
	rows := map[string]flip{
		"layouts[].layout": open(of(usual, ci), nobody, func(s *v1alpha1.PolicySpec) { s.Layouts[0].Layout = v1alpha1.DocumentSource{} }),
		"layouts[].keys":   open(of(usual, ci), nobody, func(s *v1alpha1.PolicySpec) { s.Layouts[0].Keys = append(s.Layouts[0].Keys, release) }),
	}
	maps.Copy(rows, ofDocument("layouts[].layout", nobody,
		func(d *v1alpha1.DocumentSource) policy.Policy { return of(*d, ci) },
		func(s *v1alpha1.PolicySpec) *v1alpha1.DocumentSource { return &s.Layouts[0].Layout }))
	maps.Copy(rows, ofText("layouts[].keys[]", "keys", w.ci, w.release, nobody,
		func(text v1alpha1.TextSource) policy.Policy { return of(usual, text) },
		func(s *v1alpha1.PolicySpec) *v1alpha1.TextSource { return &s.Layouts[0].Keys[0] }))
	return rows
}
