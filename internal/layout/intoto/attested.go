// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package intoto

import (
	"errors"

	"github.com/in-toto/in-toto-golang/in_toto"
)

// attested is a statement whose signature was verified already, as the library wants to see it.
type attested struct {
	signer  string // fingerprint, which is the name of its key
	payload any    // in_toto.Link
}

var _ in_toto.Metadata = attested{}

var errNotSigned = errors.New("not signed by this key")

// VerifySignature says whether the key is the one whose signature was verified.
func (a attested) VerifySignature(key in_toto.Key) error {
	if key.KeyID != a.signer {
		return errNotSigned
	}
	return nil
}

// GetPayload returns the link.
func (a attested) GetPayload() any { return a.payload }

// Sigs has no signatures: they are not kept.
func (a attested) Sigs() []in_toto.Signature { return nil }

// GetSignatureForKeyID has no signature.
func (a attested) GetSignatureForKeyID(string) (in_toto.Signature, error) {
	return in_toto.Signature{}, errNotSigned
}

// Sign is not for what is verified.
func (a attested) Sign(in_toto.Key) error { return errors.ErrUnsupported }

// Dump is not for what is verified.
func (a attested) Dump(string) error { return errors.ErrUnsupported }
