// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// certificateProofs parses a signer's certificate and what stands beside it; nothing for none.
func certificateProofs(der [][]byte) (proofs, error) {
	if len(der) > 1+maxIntermediates {
		return proofs{}, fmt.Errorf("more than %d certificates beside the signer's", maxIntermediates)
	}
	var certificates []*x509.Certificate
	for _, raw := range der {
		certificate, err := parseCertificate(raw)
		if err != nil {
			return proofs{}, err
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		return proofs{}, nil
	}
	for _, intermediate := range certificates[1:] {
		if isRoot(intermediate) {
			return proofs{}, errors.New("a root certificate stands beside the signer's; who trusts it has it")
		}
	}
	return proofs{leaf: certificates[0], intermediates: certificates[1:]}, nil
}

func parseCertificate(der []byte) (*x509.Certificate, error) {
	if len(der) > maxCertificateSize {
		return nil, fmt.Errorf("a certificate of more than %d bytes", maxCertificateSize)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("a certificate cannot be read: %w", err)
	}
	return certificate, nil
}

// isRoot says that a certificate is its own issuer, by name; the signature of a root proves nothing.
func isRoot(certificate *x509.Certificate) bool {
	return bytes.Equal(certificate.RawIssuer, certificate.RawSubject)
}

// pemCertificates returns the content of a text's blocks, which must be certificates, at most limit of them.
func pemCertificates(text []byte, limit int) ([][]byte, error) {
	var all [][]byte
	for len(bytes.TrimSpace(text)) > 0 {
		block, rest := pem.Decode(text)
		if block == nil || block.Type != "CERTIFICATE" {
			return nil, errors.New("want PEM blocks of type CERTIFICATE and nothing else")
		}
		if len(all) == limit {
			return nil, fmt.Errorf("more than %d certificates", limit)
		}
		all = append(all, block.Bytes)
		text = rest
	}
	return all, nil
}
