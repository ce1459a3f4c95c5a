// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// maxKeys bounds the public keys that stand beside each other; one is usual, two while the seal key is rotated.
const maxKeys = 8

// ErrInvalidKeys says that the public halves of the seal key cannot be used.
var ErrInvalidKeys = errors.New("invalid seal keys")

// ParseKeys parses the public halves of the seal key: one or more PEM blocks of type PUBLIC KEY (PKIX), each ECDSA.
// The error wraps ErrInvalidKeys.
func ParseKeys(text []byte) ([]*ecdsa.PublicKey, error) {
	var keys []*ecdsa.PublicKey
	rest := bytes.TrimSpace(text)
	for len(rest) > 0 {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != "PUBLIC KEY" {
			return nil, fmt.Errorf("%w: want PEM blocks of type PUBLIC KEY and nothing else", ErrInvalidKeys)
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: not a PKIX key of a known kind", ErrInvalidKeys)
		}
		key, ok := parsed.(*ecdsa.PublicKey)
		if !ok {
			return nil, fmt.Errorf("%w: want ECDSA", ErrInvalidKeys)
		}
		if keys = append(keys, key); len(keys) > maxKeys {
			return nil, fmt.Errorf("%w: more than %d", ErrInvalidKeys, maxKeys)
		}
		rest = bytes.TrimSpace(rest)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: none given", ErrInvalidKeys)
	}
	return keys, nil
}
