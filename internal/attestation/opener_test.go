// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package attestation_test

import (
	"context"
	"errors"
	"testing"

	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/fake"
)

// certified is a signer who has certificates.
type certified struct{ subject string }

func (certified) Bundle(context.Context, []byte) ([]byte, error) { return nil, nil }
func (certified) Anchor() signature.Anchor                       { return signature.Anchor{Root: []byte("{}")} }
func (c certified) Own(signer evidence.Signer) bool {
	return signer.Certificate != nil && signer.Certificate.Subject == c.subject
}

func TestOnlyWhatAssayItselfSignedIsOpened(t *testing.T) {
	key, another := fake.NewSigner("seal"), fake.NewSigner("another")
	bundle := attest(t, key, attestation.PredicateSPDX, sbom)
	checked := func(subjects ...string) attestation.Check {
		return func([]byte) ([]byte, []evidence.Signer, error) {
			var signers []evidence.Signer
			for _, subject := range subjects {
				signers = append(signers, evidence.Signer{Certificate: &evidence.Certificate{Subject: subject}})
			}
			return []byte("statement"), signers, nil
		}
	}
	refused := func([]byte) ([]byte, []evidence.Signer, error) { return nil, nil, errors.New("the log is unknown") }
	assay := certified{"assay"}
	for name, test := range map[string]struct {
		opener attestation.Opener
		opens  bool
	}{
		"the key that signed":                     {attestation.Keys{key.Key()}, true},
		"the key that signed and a newer one":     {attestation.Keys{another.Key(), key.Key()}, true},
		"another key":                             {attestation.Keys{another.Key()}, false},
		"no key":                                  {attestation.Keys{}, false},
		"a certificate of Assay's":                {attestation.Certified(assay, checked("assay")), true},
		"a certificate of Assay's beside another": {attestation.Certified(assay, checked("somebody", "assay")), true},
		"a certificate of somebody else":          {attestation.Certified(assay, checked("somebody")), false},
		"nobody's certificate":                    {attestation.Certified(assay, checked()), false},
		"a certificate that does not verify":      {attestation.Certified(assay, refused), false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := test.opener.Statement(bundle)
			if test.opens != (err == nil) || err != nil && !errors.Is(err, attestation.ErrInvalid) {
				t.Errorf("Statement: %v, want it opened: %t", err, test.opens)
			}
		})
	}
}

func TestAKeyKnowsItsOwnSignatures(t *testing.T) {
	signer := attestation.ByKey(fake.NewSigner("seal"))
	own := fake.NewSigner("seal").Key()
	if anchor := signer.Anchor(); anchor.Key == nil || anchor.Key.Fingerprint != own.Fingerprint {
		t.Errorf("the anchor is %+v", anchor)
	}
	for name, test := range map[string]struct {
		signer evidence.Signer
		own    bool
	}{
		"its own":                     {evidence.Signer{Key: own.Fingerprint}, true},
		"another key's":               {evidence.Signer{Key: fake.NewSigner("another").Key().Fingerprint}, false},
		"somebody with a certificate": {evidence.Signer{Certificate: &evidence.Certificate{}}, false},
		"nobody's":                    {evidence.Signer{}, false},
	} {
		if got := signer.Own(test.signer); got != test.own {
			t.Errorf("%s: Own says %t", name, got)
		}
	}
}
