// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"math/big"
)

// Signed says that sig is a signature by the key over the message, in one of the ways in which the cosign command signs with a key
// of its kind: ECDSA over SHA-256, or over the hash of the curve's size; Ed25519 pure or pre-hashed; RSA over SHA-256, by PKCS #1 v1.5
// or, as in-toto signs layouts and links, by PSS. They are told apart by what is hashed, so that none stands in for another.
//
// A signature on P-256 may also be the two numbers one after the other, as JWS has it (RFC 7518, section 3.4) and other makers of
// statements than cosign write it. That is no weaker: it is another spelling of the same two numbers, which must satisfy the same
// equation over the same hash, so nothing passes that the key did not sign. A signature's bytes tell signatures apart nowhere.
func (k Key) Signed(message, sig []byte) bool {
	switch public := k.Public.(type) {
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(message)
		if ecdsa.VerifyASN1(public, sum[:], sig) {
			return true
		}
		switch size := public.Curve.Params().BitSize; {
		case size == 256 && len(sig) == 64:
			r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
			return ecdsa.Verify(public, sum[:], r, s)
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
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], sig) == nil || rsa.VerifyPSS(public, crypto.SHA256, sum[:], sig, nil) == nil
	}
	return false
}

// SignsSHA256 says that the key is of a kind whose signatures over a SHA-256 every client of Sigstore verifies: ECDSA on P-256, or RSA.
// With keys on larger curves clients disagree about the hash.
func (k Key) SignsSHA256() bool {
	switch public := k.Public.(type) {
	case *ecdsa.PublicKey:
		return public.Curve == elliptic.P256()
	case *rsa.PublicKey:
		return true
	}
	return false
}
