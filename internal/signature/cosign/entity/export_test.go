// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"encoding/json"
	"errors"

	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/assay-dev/assay/internal/evidence"
)

// CheckArtifact is Check for signatures over an artifact that is no image: the conformance cases are about such.
func (c *Checker) CheckArtifact(e Entity, artifact []byte) ([]evidence.Signer, error) {
	if e.IsStatement() {
		var statement struct {
			Subject []struct {
				Digest map[string]string `json:"digest"`
			} `json:"subject"`
		}
		if err := json.Unmarshal(e.payload, &statement); err != nil {
			return nil, err
		}
		for _, subject := range statement.Subject {
			for algorithm, hash := range map[string]crypto.Hash{"sha256": crypto.SHA256, "sha512": crypto.SHA512} {
				if subject.Digest[algorithm] == hex.EncodeToString(sum(hash, artifact)) {
					return c.Check(e)
				}
			}
		}
		return nil, errors.New("the statement is about another artifact")
	}
	hash, known := map[string]crypto.Hash{"SHA2_256": crypto.SHA256, "SHA2_384": crypto.SHA384, "SHA2_512": crypto.SHA512}[e.digest.algorithm]
	if !known || !bytes.Equal(sum(hash, artifact), e.digest.sum) {
		return nil, errors.New("the signature is over another artifact")
	}
	e.message = artifact
	return c.Check(e)
}

func sum(hash crypto.Hash, data []byte) []byte {
	h := hash.New()
	h.Write(data)
	return h.Sum(nil)
}

// Guard is guard.
var Guard = guard[int]

// With returns the checker with other logs and timestamp authorities.
func (c Checker) With(material root.TrustedMaterial) *Checker {
	c.material, c.witnessed = root.TrustedMaterialCollection{material}, true
	return &c
}

// WithoutRoots returns the checker with a certificate authority that has lost its root.
func (c Checker) WithoutRoots() *Checker {
	c.authorities = []*root.FulcioCertificateAuthority{{}}
	return &c
}
