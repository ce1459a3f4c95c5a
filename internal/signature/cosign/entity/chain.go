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

// maxBuilds bounds how often a chain is built for one entity. Each time, crypto/x509 checks up to 100 signatures. It takes once for each
// authority, and once more for each certificate that became valid after the signer's.
const maxBuilds = 16

// certificate returns what the signer's certificate says if one of the authorities issued it and the whole chain was valid at each of the
// times. Without times the chain need not be valid now: whether it is, is for whoever reads the window. Of several chains the one that is
// valid the longest counts.
func (c *Checker) certificate(p proofs, times []evidence.TrustedTime) (*evidence.Certificate, error) {
	issued := c.issued(p)
	var valid []chain
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

// issued returns the chains from the signer's certificate to an authority's root that are valid at any time at all.
func (c *Checker) issued(p proofs) []chain {
	readable := *p.leaf
	// Go knows no subject of the kind other name, which Fulcio writes for some; what is said there is read all the same.
	readable.UnhandledCriticalExtensions = slices.DeleteFunc(slices.Clone(p.leaf.UnhandledCriticalExtensions), func(id asn1.ObjectIdentifier) bool {
		return id.Equal(cryptoutils.SANOID)
	})
	var all []chain
	builds := 0
	for _, authority := range c.authorities {
		if c.anchor.Chain != nil {
			withMore := *authority
			withMore.Intermediates = slices.Concat(authority.Intermediates, p.intermediates)
			authority = &withMore
		}
		for _, moment := range moments(authority, p.leaf) {
			if builds++; builds > maxBuilds {
				return all
			}
			found, err := authority.Verify(&readable, moment)
			if err != nil {
				continue
			}
			for _, certificates := range found {
				all = append(all, newChain(authority, certificates))
			}
		}
	}
	return all
}

// moments are those at which a chain can begin to be valid: it is, if ever, from the moment on at which the last of its certificates
// becomes so.
func moments(authority *root.FulcioCertificateAuthority, leaf *x509.Certificate) []time.Time {
	all := []time.Time{leaf.NotBefore, authority.Root.NotBefore, authority.ValidityPeriodStart}
	for _, intermediate := range authority.Intermediates {
		all = append(all, intermediate.NotBefore)
	}
	all = slices.DeleteFunc(all, func(moment time.Time) bool {
		return moment.IsZero() || moment.Before(leaf.NotBefore) || moment.After(leaf.NotAfter) // crypto/x509 takes zero for now
	})
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
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
