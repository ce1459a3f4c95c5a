// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity

import (
	"cmp"
	"crypto/x509"
	"fmt"

	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/assay-dev/assay/internal/evidence"
)

// describe says what the signer's certificate says. What Fulcio wrote before it knew other builders than GitHub's stands in where its
// present extensions are not there (sigstore/fulcio, docs/oid-info.md).
func describe(c chain) (*evidence.Certificate, error) {
	leaf, authority := c.certificates[0], c.certificates[len(c.certificates)-1]
	says, err := certificate.ParseExtensions(leaf.Extensions)
	if err != nil {
		return nil, fmt.Errorf("an extension of the signer's certificate cannot be read: %w", err)
	}
	repository := says.SourceRepositoryURI
	if repository == "" && says.GithubWorkflowRepository != "" {
		repository = "https://github.com/" + says.GithubWorkflowRepository
	}
	described := &evidence.Certificate{
		Subject:          subjectOf(leaf),
		Issuer:           says.Issuer,
		Authority:        authority.Subject.CommonName,
		SourceRepository: repository,
		SourceRef:        cmp.Or(says.SourceRepositoryRef, says.GithubWorkflowRef),
		SourceDigest:     cmp.Or(says.SourceRepositoryDigest, says.GithubWorkflowSHA),
		Workflow:         says.BuildConfigURI,
		WorkflowName:     says.GithubWorkflowName,
		Trigger:          cmp.Or(says.BuildTrigger, says.GithubWorkflowTrigger),
		NotBefore:        c.notBefore.UTC(),
		NotAfter:         c.notAfter.UTC(),
	}
	if organizations := authority.Subject.Organization; described.Authority == "" && len(organizations) > 0 {
		described.Authority = organizations[0]
	}
	return described, nil
}

// subjectOf returns the first subject alternative name that there is, in the order in which Sigstore looks at their kinds. Host names,
// which Fulcio never writes, come last. Without any it is empty: the common name is no identity (RFC 2818).
func subjectOf(leaf *x509.Certificate) string {
	if len(leaf.URIs) > 0 {
		return leaf.URIs[0].String()
	}
	if len(leaf.EmailAddresses) > 0 {
		return leaf.EmailAddresses[0]
	}
	if other, err := cryptoutils.UnmarshalOtherNameSAN(leaf.Extensions); err == nil && other != "" {
		return other
	}
	if len(leaf.DNSNames) > 0 {
		return leaf.DNSNames[0]
	}
	return ""
}
