// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity

import (
	"errors"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/signature"
)

// Checker is an anchor, parsed once. It is safe for concurrent use.
type Checker struct {
	key *signature.Key
}

// NewChecker parses an anchor. The error is for people and says what is wrong with the key, the root or the chain.
func NewChecker(anchor signature.Anchor) (*Checker, error) {
	if anchor.Key == nil {
		return nil, errors.New("an anchor without a key")
	}
	return &Checker{key: anchor.Key}, nil
}

// Check says who signed the payload, under this anchor: usually one, several where an envelope bears several signatures. The error says
// in words why none counts.
func (c *Checker) Check(e Entity) ([]evidence.Signer, error) {
	err := guard(func() error {
		for _, sig := range e.signatures {
			if e.message != nil && c.key.Signed(e.message, sig) {
				return nil
			}
		}
		return errors.New("not signed by this key")
	})
	if err != nil {
		return nil, err
	}
	return []evidence.Signer{{Key: c.key.Fingerprint}}, nil
}
