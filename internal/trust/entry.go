// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package trust holds what admission needs to know: the compact signature that makes a status entry trust, and the index of
// the digests that may run in each namespace. It links the standard library and internal/image only.
package trust

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"github.com/assay-dev/assay/internal/image"
)

// domain separates these signatures from all others by the same key.
const domain = "assay.dev/trusted-digest/v1"

// ErrForged says that an entry's signature is not by the seal key over this entry.
var ErrForged = errors.New("not signed by Assay's seal key")

// Entry is one trusted digest of one TrustedImage: what the compact signature covers.
type Entry struct {
	Namespace, Name string
	Repository      image.Repository
	Digest          image.Digest
	// Platforms are the manifests of an index that were judged; they may run as well.
	Platforms []image.Digest
	// PoliciesHash is the digest of the rules that the digest passed.
	PoliciesHash image.Digest
}

// Message is what the seal key signs: every field with its length, so that no two entries have the same message.
func (e Entry) Message() []byte {
	var b strings.Builder
	field := func(s string) {
		b.WriteString(strconv.Itoa(len(s)))
		b.WriteByte(':')
		b.WriteString(s)
		b.WriteByte('\n')
	}
	field(domain)
	field(e.Namespace)
	field(e.Name)
	field(e.Repository.String())
	field(e.Digest.String())
	field(e.PoliciesHash.String())
	field(strconv.Itoa(len(e.Platforms)))
	for _, p := range e.Platforms {
		field(p.String())
	}
	return []byte(b.String())
}

// Verify checks the signature, base64 of ASN.1 ECDSA over the SHA-256 of Message, against any of the keys: a new and an old one
// stand beside each other while the seal key is rotated. The error is ErrForged.
func (e Entry) Verify(keys []*ecdsa.PublicKey, signature string) error {
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return ErrForged
	}
	sum := sha256.Sum256(e.Message())
	for _, key := range keys {
		if ecdsa.VerifyASN1(key, sum[:], raw) {
			return nil
		}
	}
	return ErrForged
}
