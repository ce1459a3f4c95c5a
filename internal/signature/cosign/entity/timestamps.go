// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity

import (
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/sigstore/sigstore-go/pkg/root"
)

// timestampAuthorities are trusted for timestamps and nothing else.
type timestampAuthorities struct {
	root.BaseTrustedMaterial
	all []root.TimestampingAuthority
}

// TimestampingAuthorities implements root.TrustedMaterial.
func (t *timestampAuthorities) TimestampingAuthorities() []root.TimestampingAuthority { return t.all }

// checkTimestamps bounds the size of what is said to be timestamps.
func checkTimestamps(timestamps [][]byte) error {
	for _, timestamp := range timestamps {
		if len(timestamp) > maxTimestampSize {
			return fmt.Errorf("a timestamp of more than %d bytes", maxTimestampSize)
		}
	}
	return nil
}

// parseTimestampAuthorities reads chains, each from the certificate that signs timestamps, or the one above it where timestamps bring that
// along, up to its root.
func parseTimestampAuthorities(text []byte) (*timestampAuthorities, error) {
	certificates, err := anchorCertificates(text)
	if err != nil {
		return nil, err
	}
	t := &timestampAuthorities{}
	var chain []*x509.Certificate
	for _, certificate := range certificates {
		chain = append(chain, certificate)
		if !isRoot(certificate) {
			continue
		}
		t.all = append(t.all, timestampAuthority(chain))
		chain = nil
	}
	if len(chain) > 0 || len(t.all) == 0 {
		return nil, errors.New("want chains that begin with the certificate that signs and end with a root, one that is its own issuer")
	}
	return t, nil
}

func timestampAuthority(chain []*x509.Certificate) *root.SigstoreTimestampingAuthority {
	last := len(chain) - 1
	// The name tells the authority from others; timestamps of one name count once.
	authority := &root.SigstoreTimestampingAuthority{Root: chain[last], Intermediates: chain[:last], URI: chain[0].Subject.String()}
	if !chain[0].IsCA && last > 0 {
		authority.Leaf, authority.Intermediates = chain[0], chain[1:last]
	}
	return authority
}
