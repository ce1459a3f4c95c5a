// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build pkcs11

package pkcs11

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"fmt"
	"math/big"
)

// p256 is the curve's object identifier (RFC 5480, section 2.1.1.1).
var p256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}

// publicKeyOf makes a key of its attributes: parameters and point for ECDSA (PKCS #11, section 6.3.3), modulus and exponent for RSA.
func publicKeyOf(parameters, point, modulus, exponent []byte) (crypto.PublicKey, error) {
	if len(modulus) > 0 {
		e := new(big.Int).SetBytes(exponent)
		if !e.IsInt64() || e.Int64() < 3 || e.Int64() > 1<<31-1 {
			return nil, fmt.Errorf("%w: its RSA key has an exponent that is not supported", ErrRefused)
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(e.Int64())}, nil
	}
	var name asn1.ObjectIdentifier
	var encoded []byte
	if _, err := asn1.Unmarshal(parameters, &name); err != nil || !name.Equal(p256) {
		return nil, fmt.Errorf("%w: its key is neither ECDSA on P-256 nor RSA", ErrRefused)
	}
	if _, err := asn1.Unmarshal(point, &encoded); err != nil {
		return nil, fmt.Errorf("%w: its key's point is malformed", ErrRefused)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), encoded)
	if err != nil {
		return nil, fmt.Errorf("%w: its key's point is malformed", ErrRefused)
	}
	return public, nil
}
