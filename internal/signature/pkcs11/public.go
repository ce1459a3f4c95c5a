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

// curves by their object identifiers (RFC 5480, section 2.1.1.1).
var curves = map[string]elliptic.Curve{
	"1.2.840.10045.3.1.7": elliptic.P256(),
	"1.3.132.0.34":        elliptic.P384(),
	"1.3.132.0.35":        elliptic.P521(),
}

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
	if _, err := asn1.Unmarshal(parameters, &name); err != nil || curves[name.String()] == nil {
		return nil, fmt.Errorf("%w: its key is neither RSA nor ECDSA on P-256, P-384 or P-521", ErrRefused)
	}
	if _, err := asn1.Unmarshal(point, &encoded); err != nil {
		return nil, fmt.Errorf("%w: its key's point is malformed", ErrRefused)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curves[name.String()], encoded)
	if err != nil {
		return nil, fmt.Errorf("%w: its key's point is malformed", ErrRefused)
	}
	return public, nil
}
