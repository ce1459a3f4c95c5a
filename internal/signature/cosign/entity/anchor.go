// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	sigstore "github.com/sigstore/sigstore/pkg/signature"

	"github.com/assay-dev/assay/internal/signature"
)

// What an anchor may have; tenants write them. The public-good trust root has 7 KiB, 5 authorities and logs and 8 certificates.
const (
	maxAnchorSize         = 1 << 20
	maxAnchorCertificates = 64
	maxAnchorLogs         = 64
	// maxAuthorities bounds the certificate authorities; each is asked for each signature.
	maxAuthorities = 8
)

// NewChecker parses an anchor. The error is for people and says what is wrong with the key, the trust root or the chain.
func NewChecker(anchor signature.Anchor) (*Checker, error) {
	return guard(func() (*Checker, error) { return newChecker(anchor) })
}

func newChecker(anchor signature.Anchor) (*Checker, error) {
	c := &Checker{anchor: anchor}
	if anchor.Key != nil && anchor.Chain != nil {
		return nil, errors.New("want a key or a chain of certificates, not both")
	}
	if anchor.Root != nil {
		trusted, err := parseRoot(anchor.Root)
		if err != nil {
			return nil, fmt.Errorf("the trust root cannot be used: %w", err)
		}
		c.material = append(c.material, trusted)
	}
	if anchor.Timestamps != nil {
		authorities, err := parseTimestampAuthorities(anchor.Timestamps)
		if err != nil {
			return nil, fmt.Errorf("the timestamp authorities cannot be used: %w", err)
		}
		c.material = append(c.material, authorities)
	}
	if err := c.setSigners(); err != nil {
		return nil, err
	}
	if len(c.authorities) > maxAuthorities {
		return nil, fmt.Errorf("more than %d certificate authorities", maxAuthorities)
	}
	witnesses := len(c.material.RekorLogs()) + len(c.material.TimestampingAuthorities())
	switch {
	case anchor.Logged && len(c.material.RekorLogs()) == 0:
		return nil, errors.New("signatures must be logged, and no trust root with a transparency log is given")
	case c.needsTime() && witnesses == 0:
		return nil, errors.New("signatures must have a trusted time, and neither a transparency log nor a timestamp authority is given")
	}
	c.witnessed = witnesses > 0
	return c, nil
}

// setSigners sets the key, or the authorities that issue signers' certificates. Those of a trust root do not count beside a chain of
// one's own: with the public-good root, anybody gets a certificate.
func (c *Checker) setSigners() error {
	switch {
	case c.anchor.Key != nil:
		verifier, err := sigstore.LoadVerifier(c.anchor.Key.Public, crypto.SHA256)
		if err != nil {
			return errors.New("the key cannot be used: want ECDSA, Ed25519 or RSA")
		}
		c.key = root.NewExpiringKey(verifier, time.Time{}, time.Time{})
		c.material = append(c.material, root.NewTrustedPublicKeyMaterial(func(string) (root.TimeConstrainedVerifier, error) { return c.key, nil }))
	case c.anchor.Chain != nil:
		authorities, err := parseAuthorities(c.anchor.Chain)
		if err != nil {
			return fmt.Errorf("the chain of certificates cannot be used: %w", err)
		}
		c.authorities = authorities
	case c.anchor.Root != nil:
		for _, authority := range c.material.FulcioCertificateAuthorities() {
			if fulcio, ok := authority.(*root.FulcioCertificateAuthority); ok {
				c.authorities = append(c.authorities, fulcio)
			}
		}
		if len(c.authorities) == 0 {
			return errors.New("the trust root has no certificate authority")
		}
	default:
		return errors.New("want a key, a trust root or a chain of certificates")
	}
	return nil
}

// parseRoot reads a trusted_root.json.
func parseRoot(text []byte) (*root.TrustedRoot, error) {
	if len(text) > maxAnchorSize {
		return nil, fmt.Errorf("more than %d bytes", maxAnchorSize)
	}
	message, err := root.NewTrustedRootProtobuf(text)
	if err != nil {
		return nil, errNotRoot
	}
	certificates := 0
	for _, list := range [][]*prototrustroot.CertificateAuthority{message.GetCertificateAuthorities(), message.GetTimestampAuthorities()} {
		for _, authority := range list {
			certificates += max(1, len(authority.GetCertChain().GetCertificates()))
		}
	}
	if certificates > maxAnchorCertificates || len(message.GetTlogs())+len(message.GetCtlogs()) > maxAnchorLogs {
		return nil, fmt.Errorf("more than %d certificates or %d logs", maxAnchorCertificates, maxAnchorLogs)
	}
	parsed, err := root.NewTrustedRootFromProtobuf(message)
	if err != nil {
		return nil, errNotRoot
	}
	return parsed, nil
}

// errNotRoot says no more of the document, which may be a Secret that somebody else wrote, and none that was meant to be read.
var errNotRoot = errors.New("not a trusted_root.json as cosign trusted-root create writes it")

// parseAuthorities reads root certificates and intermediate ones. Each root is an authority.
func parseAuthorities(text []byte) ([]*root.FulcioCertificateAuthority, error) {
	certificates, err := anchorCertificates(text)
	if err != nil {
		return nil, err
	}
	var authorities []*root.FulcioCertificateAuthority
	var intermediates []*x509.Certificate
	for _, certificate := range certificates {
		switch {
		case !certificate.IsCA:
			return nil, fmt.Errorf("%s is no certificate authority", certificate.Subject)
		case isRoot(certificate):
			authorities = append(authorities, &root.FulcioCertificateAuthority{Root: certificate})
		default:
			intermediates = append(intermediates, certificate)
		}
	}
	if len(authorities) == 0 {
		return nil, errors.New("no root certificate is among them, one that is its own issuer")
	}
	for _, authority := range authorities {
		authority.Intermediates = intermediates
	}
	return authorities, nil
}

func anchorCertificates(text []byte) ([]*x509.Certificate, error) {
	if len(text) > maxAnchorSize {
		return nil, fmt.Errorf("more than %d bytes", maxAnchorSize)
	}
	der, err := pemCertificates(text, maxAnchorCertificates)
	if err != nil {
		return nil, err
	}
	var certificates []*x509.Certificate
	for _, raw := range der {
		certificate, err := parseCertificate(raw)
		if err != nil {
			return nil, err
		}
		certificates = append(certificates, certificate)
	}
	return certificates, nil
}
