// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

const digestPrefix = "sha256:"

// Digest is the SHA-256 digest of a manifest, index, config or layer. It is a type of its own so that a tag can
// never stand where a digest is meant. The zero value is no digest.
type Digest struct{ sum [sha256.Size]byte }

// ParseDigest parses "sha256:" and 64 lower-case hexadecimal digits. Other algorithms are refused: what is signed,
// stored and admitted must have one name only. So are 64 zeros, which are the zero value and no content's digest. The error
// wraps ErrMalformed.
func ParseDigest(s string) (Digest, error) {
	digits, found := strings.CutPrefix(s, digestPrefix)
	if !found || len(digits) != 2*sha256.Size || strings.ToLower(digits) != digits {
		return Digest{}, fmt.Errorf("%w digest %.80q: want sha256: and 64 lower-case hexadecimal digits", ErrMalformed, s)
	}
	var d Digest
	if _, err := hex.Decode(d.sum[:], []byte(digits)); err != nil || d.IsZero() {
		return Digest{}, fmt.Errorf("%w digest %.80q: want sha256: and 64 lower-case hexadecimal digits", ErrMalformed, s)
	}
	return d, nil
}

// DigestOf returns the digest of content.
func DigestOf(content []byte) Digest { return Digest{sum: sha256.Sum256(content)} }

// DigestFromSum returns the digest with the given SHA-256 sum.
func DigestFromSum(sum [sha256.Size]byte) Digest { return Digest{sum: sum} }

// Sum returns the SHA-256 sum.
func (d Digest) Sum() [sha256.Size]byte { return d.sum }

// String returns the digest as "sha256:" and 64 hexadecimal digits, and "" for the zero value.
func (d Digest) String() string {
	if d.IsZero() {
		return ""
	}
	return digestPrefix + d.Hex()
}

// Hex returns the 64 hexadecimal digits.
func (d Digest) Hex() string { return hex.EncodeToString(d.sum[:]) }

// Short returns the first 12 hexadecimal digits, as tables show them, and "" for the zero value.
func (d Digest) Short() string {
	if d.IsZero() {
		return ""
	}
	return d.Hex()[:12]
}

// IsZero says that d is no digest.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText writes the digest as String does.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Digest{}
		return nil
	}
	parsed, err := ParseDigest(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
