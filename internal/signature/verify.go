// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
)

// Signed says that sig is a signature by the key over the message, in one of the ways in which the cosign command signs with a key
// of its kind: ECDSA over SHA-256, or over the hash of the curve's size; Ed25519 pure or pre-hashed; RSA PKCS #1 v1.5 over
// SHA-256. They are told apart by what is hashed, so that none stands in for another.
func (k Key) Signed(message, sig []byte) bool {
	switch public := k.Public.(type) {
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(message)
		if ecdsa.VerifyASN1(public, sum[:], sig) {
			return true
		}
		switch size := public.Curve.Params().BitSize; {
		case size > 384:
			sum := sha512.Sum512(message)
			return ecdsa.VerifyASN1(public, sum[:], sig)
		case size > 256:
			sum := sha512.Sum384(message)
			return ecdsa.VerifyASN1(public, sum[:], sig)
		}
	case ed25519.PublicKey:
		sum := sha512.Sum512(message)
		return ed25519.Verify(public, message, sig) ||
			ed25519.VerifyWithOptions(public, sum[:], sig, &ed25519.Options{Hash: crypto.SHA512}) == nil
	case *rsa.PublicKey:
		sum := sha256.Sum256(message)
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], sig) == nil
	}
	return false
}
