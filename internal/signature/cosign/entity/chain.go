// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/assay-dev/assay/internal/evidence"
)

// chain is a signer's certificate and those above it, up to the root, with the time in which all of them are valid (CVE-2026-24122).
type chain struct {
	certificates        []*x509.Certificate
	notBefore, notAfter time.Time
}

// validAt says that every certificate was valid at each of the times.
func (c chain) validAt(times []evidence.TrustedTime) bool {
	return !slices.ContainsFunc(times, func(t evidence.TrustedTime) bool { return t.Time.Before(c.notBefore) || t.Time.After(c.notAfter) })
}

// certificate returns what the signer's certificate says if one of the authorities issued it and the whole chain was valid at each of the
// times. Without times the chain need not be valid now: whether it is, is for whoever reads the window. Of several chains the one that is
// valid the longest counts.
func (c *Checker) certificate(p proofs, times []evidence.TrustedTime) (*evidence.Certificate, error) {
	var issued, valid []chain
	for _, authority := range c.authorities {
		if c.anchor.Chain != nil {
			withMore := *authority
			withMore.Intermediates = slices.Concat(authority.Intermediates, p.intermediates)
			authority = &withMore
		}
		issued = append(issued, chains(authority, p.leaf)...)
	}
	for _, candidate := range issued {
		if candidate.validAt(times) {
			valid = append(valid, candidate)
		}
	}
	switch {
	case len(issued) == 0:
		return nil, errors.New("the signer's certificate was not issued, for signing code, by an authority that is trusted")
	case len(valid) == 0:
		return nil, errors.New("the signer's certificate, or one above it, was not valid when the signature was made")
	}
	if c.anchor.Chain == nil && len(c.material.CTLogs()) > 0 {
		valid = slices.DeleteFunc(valid, func(candidate chain) bool {
			return verify.VerifySignedCertificateTimestamp([][]*x509.Certificate{candidate.certificates}, 1, c.material) != nil
		})
		if len(valid) == 0 {
			return nil, errors.New("the signer's certificate stands in no certificate transparency log of the trust root")
		}
	}
	longest := slices.MaxFunc(valid, func(a, b chain) int { return a.notAfter.Compare(b.notAfter) })
	return describe(longest)
}

// chains returns the chains from the certificate to the authority's root that are valid at any time at all. A chain is valid, if ever,
// from the moment on at which the last of its certificates becomes so.
func chains(authority *root.FulcioCertificateAuthority, leaf *x509.Certificate) []chain {
	readable := *leaf
	// Go knows no subject of the kind other name, which Fulcio writes for some; what is said there is read all the same.
	readable.UnhandledCriticalExtensions = slices.DeleteFunc(slices.Clone(leaf.UnhandledCriticalExtensions), func(id asn1.ObjectIdentifier) bool {
		return id.Equal(cryptoutils.SANOID)
	})
	moments := []time.Time{leaf.NotBefore, authority.Root.NotBefore, authority.ValidityPeriodStart}
	for _, intermediate := range authority.Intermediates {
		moments = append(moments, intermediate.NotBefore)
	}
	slices.SortFunc(moments, time.Time.Compare)
	var all []chain
	for _, moment := range slices.CompactFunc(moments, time.Time.Equal) {
		if moment.IsZero() {
			continue // which crypto/x509 takes for now
		}
		found, err := authority.Verify(&readable, moment)
		if err != nil {
			continue
		}
		for _, certificates := range found {
			all = append(all, newChain(authority, certificates))
		}
	}
	return all
}

func newChain(authority *root.FulcioCertificateAuthority, certificates []*x509.Certificate) chain {
	c := chain{certificates: certificates, notBefore: authority.ValidityPeriodStart, notAfter: certificates[0].NotAfter}
	if end := authority.ValidityPeriodEnd; !end.IsZero() && end.Before(c.notAfter) {
		c.notAfter = end
	}
	for _, certificate := range certificates {
		if certificate.NotBefore.After(c.notBefore) {
			c.notBefore = certificate.NotBefore
		}
		if certificate.NotAfter.Before(c.notAfter) {
			c.notAfter = certificate.NotAfter
		}
	}
	return c
}
