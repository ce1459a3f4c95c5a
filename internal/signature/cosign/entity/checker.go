// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/signature"
)

// Checker is an anchor, parsed once. It is safe for concurrent use.
type Checker struct {
	anchor signature.Anchor
	// key is the anchor's key as sigstore-go wants it; authorities issue certificates where there is none.
	key         root.TimeConstrainedVerifier
	authorities []*root.FulcioCertificateAuthority
	// material has the logs and timestamp authorities; witnessed says that there are any.
	material  root.TrustedMaterialCollection
	witnessed bool
}

// Check says who signed the payload, under this anchor. The error says in words why nobody who counts did; it is ErrPanicked when that
// could not be found out.
//
// A key alone is asked for nothing but its signature: no log and no time, and whatever stands beside the signature does not matter.
// Under an anchor with logs, an entry that one of them confirms must be about this very signature, payload and signer, or the entity is
// refused, even where no entry is demanded (CVE-2022-23649, CVE-2026-22703): somebody put it there. What an unknown log or an unknown
// timestamp authority says proves nothing and is passed over.
func (c *Checker) Check(e Entity) ([]evidence.Signer, error) {
	signer, err := guard(func() (evidence.Signer, error) { return c.check(e) })
	if err != nil {
		return nil, err
	}
	return []evidence.Signer{signer}, nil
}

func (c *Checker) check(e Entity) (evidence.Signer, error) {
	key, err := c.signerOf(e)
	if err != nil {
		return evidence.Signer{}, err
	}
	made := slices.IndexFunc(e.signatures, func(sig []byte) bool { return e.message != nil && key.Signed(e.message, sig) })
	if made < 0 {
		return evidence.Signer{}, errors.New("the signature is not by this key or certificate, or not over this payload")
	}
	var signer evidence.Signer
	if c.witnessed {
		if signer.Times, signer.Entries, err = c.witness(e, e.signatures[made]); err != nil {
			return evidence.Signer{}, err
		}
	}
	switch {
	case c.anchor.Logged && len(signer.Entries) == 0:
		return evidence.Signer{}, errors.New("the signature stands in no transparency log of the trust root")
	case c.needsTime() && len(signer.Times) == 0:
		return evidence.Signer{}, errors.New("no transparency log and no timestamp authority that is trusted vouches for the signature's time")
	}
	if c.anchor.Key != nil {
		signer.Key = key.Fingerprint
		return signer, nil
	}
	signer.Certificate, err = c.certificate(e.proofs, signer.Times)
	return signer, err
}

// signerOf returns the key that must have signed: the anchor's, or the one in the certificate.
func (c *Checker) signerOf(e Entity) (signature.Key, error) {
	if c.anchor.Key != nil && !c.witnessed {
		return *c.anchor.Key, nil
	}
	if e.flaw != nil {
		return signature.Key{}, e.flaw
	}
	if c.anchor.Key != nil {
		return *c.anchor.Key, nil
	}
	switch {
	case e.proofs.leaf == nil:
		return signature.Key{}, errors.New("there is no certificate of the signer")
	case len(e.signatures) != 1:
		return signature.Key{}, errors.New("several signatures and one certificate: want one signature")
	case c.anchor.Chain == nil && e.proofs.chained:
		return signature.Key{}, errors.New("a bundle v0.3 has a chain of certificates, which it must not have under a trust root")
	}
	key, err := signature.NewKey(e.proofs.leaf.PublicKey)
	if err != nil {
		return signature.Key{}, fmt.Errorf("the certificate's key: %w", err)
	}
	return key, nil
}

// needsTime says that somebody must vouch for the time of a signature.
func (c *Checker) needsTime() bool {
	return c.anchor.Timed || c.anchor.Key == nil && c.anchor.Chain == nil
}
