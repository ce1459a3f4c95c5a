// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keyless

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/sign"
)

const (
	// maxToken bounds an identity token, in bytes.
	maxToken = 64 << 10
	// remaining is how long a certificate must still be valid to sign with; the signature's timestamp must fall into it.
	remaining = 2 * time.Minute
)

// certified is a key with its certificate. The key is in memory only.
type certified struct {
	key         *sign.EphemeralKeypair
	certificate *x509.Certificate
}

// GetCertificate implements sign.CertificateProvider.
func (c *certified) GetCertificate(context.Context, sign.Keypair, *sign.CertificateProviderOptions) ([]byte, error) {
	return c.certificate.Raw, nil
}

// identity is the present key, which serves several statements.
type identity struct {
	mu      sync.Mutex
	present *certified
}

// forget lets the next statement have a new key, if this one is still the present.
func (i *identity) forget(c *certified) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.present == c {
		i.present = nil
	}
}

// certified returns the present key, or a new one when that is about to expire.
func (s *Signer) certified(ctx context.Context, fulcio string, transport http.RoundTripper) (*certified, error) {
	s.identity.mu.Lock()
	defer s.identity.mu.Unlock()
	if c := s.identity.present; c != nil && s.options.Clock.Now().Add(remaining).Before(c.certificate.NotAfter) {
		return c, nil
	}
	s.identity.present = nil
	token, err := s.token()
	if err != nil {
		return nil, err
	}
	key, err := sign.NewEphemeralKeypair(nil)
	if err != nil {
		return nil, err
	}
	authority := sign.NewFulcio(&sign.FulcioOptions{BaseURL: fulcio, Transport: transport})
	raw, err := authority.GetCertificate(ctx, key, &sign.CertificateProviderOptions{IDToken: token})
	if err != nil {
		return nil, err
	}
	issued, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, fmt.Errorf("Fulcio's certificate cannot be read: %w", err) //nolint:staticcheck // a name
	}
	if err := s.check(issued); err != nil {
		return nil, err
	}
	s.identity.present = &certified{key: key, certificate: issued}
	return s.identity.present, nil
}

// check says why a certificate is not one of Assay's.
func (s *Signer) check(issued *x509.Certificate) error {
	summary, err := certificate.SummarizeCertificate(issued)
	if err != nil {
		return fmt.Errorf("the certificate cannot be read: %w", err)
	}
	if summary.SubjectAlternativeName != s.options.Subject || summary.Issuer != s.options.Issuer {
		return fmt.Errorf("%w: the certificate is for %.80q by %.80q, want %.80q by %.80q", ErrRefused,
			summary.SubjectAlternativeName, summary.Issuer, s.options.Subject, s.options.Issuer)
	}
	return nil
}

func (s *Signer) token() (string, error) {
	file, err := os.Open(s.options.TokenFile)
	if err != nil {
		return "", fmt.Errorf("%w: the file with the identity token cannot be read", ErrRefused)
	}
	defer func() { _ = file.Close() }()
	token, err := io.ReadAll(io.LimitReader(file, maxToken))
	if err != nil {
		return "", fmt.Errorf("%w: the file with the identity token cannot be read", ErrRefused)
	}
	return string(bytes.TrimSpace(token)), nil
}
