// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/query"
)

// Bounds of what an answer says of one statement.
const (
	maxSigners   = 16
	maxManifests = 64
	maxSubject   = 512 // characters
)

// statementOf is what an answer says of a statement of others, without its signers.
func (h *holding) statementOf(signed evidence.Signed) *query.Statement {
	s := &query.Statement{PredicateType: evidence.Printable(signed.PredicateType, maxText), Digest: signed.Payload.String()}
	for _, manifest := range signed.Manifests[:min(len(signed.Manifests), maxManifests)] {
		if manifest != h.about.Digest {
			s.Manifests = append(s.Manifests, manifest.String())
		}
	}
	return s
}

// signerOf is what an answer says of a signer.
func signerOf(signer evidence.Signer) query.Signer {
	s := query.Signer{Key: evidence.Printable(signer.Key, maxText)}
	if c := signer.Certificate; c != nil {
		s.Subject, s.Issuer = evidence.Printable(c.Subject, maxSubject), evidence.Printable(c.Issuer, maxText)
	}
	if len(signer.Times) > 0 {
		s.SignedAt, s.SignedAtBy = signer.Times[0].Time.UTC(), evidence.Printable(signer.Times[0].By, maxText)
	}
	if len(signer.Entries) > 0 {
		s.LogEntry = evidence.Printable(fmt.Sprintf("%s %d", signer.Entries[0].Log, signer.Entries[0].Index), maxText)
	}
	return s
}

// bundle is the part of a Sigstore bundle (sigstore/protobuf-specs, sigstore_bundle.proto) by which Assay's own statements are shown.
type bundle struct {
	Material struct {
		PublicKey struct {
			Hint string `json:"hint"`
		} `json:"publicKey"`
		Certificate struct {
			Raw []byte `json:"rawBytes"`
		} `json:"certificate"`
		Entries []struct {
			Log struct {
				Key []byte `json:"keyId"`
			} `json:"logId"`
			Index      int64 `json:"logIndex,string"`
			Integrated int64 `json:"integratedTime,string"`
		} `json:"tlogEntries"`
	} `json:"verificationMaterial"`
	Envelope struct {
		Payload []byte `json:"payload"`
	} `json:"dsseEnvelope"`
}

var errNoStatement = errors.New("a bundle of Assay's own has no statement")

// readBundle returns the statement in a bundle that Assay made, and who signed it by what the bundle says. It is not verified: Assay put
// it on its own disk.
func readBundle(content []byte) (signed []byte, signer query.Signer, err error) {
	var b bundle
	if err := json.Unmarshal(content, &b); err != nil || len(b.Envelope.Payload) == 0 {
		return nil, signer, errors.Join(errNoStatement, err)
	}
	var s evidence.Signer
	if sum, err := base64.StdEncoding.DecodeString(b.Material.PublicKey.Hint); err == nil {
		s.Key = hex.EncodeToString(sum)
	}
	if parsed, err := x509.ParseCertificate(b.Material.Certificate.Raw); err == nil {
		s.Certificate = &evidence.Certificate{Subject: subjectOf(parsed), Issuer: issuerOf(parsed)}
	}
	for _, entry := range b.Material.Entries {
		s.Entries = append(s.Entries, evidence.LogEntry{Log: hex.EncodeToString(entry.Log.Key), Index: entry.Index})
		if entry.Integrated > 0 {
			s.Times = append(s.Times, evidence.TrustedTime{Time: time.Unix(entry.Integrated, 0), By: evidence.WitnessLog})
		}
	}
	return b.Envelope.Payload, signerOf(s), nil
}

// subjectOf is the subject alternative name.
func subjectOf(c *x509.Certificate) string {
	switch {
	case len(c.URIs) > 0:
		return c.URIs[0].String()
	case len(c.EmailAddresses) > 0:
		return c.EmailAddresses[0]
	case len(c.DNSNames) > 0:
		return c.DNSNames[0]
	}
	return c.Subject.CommonName
}

// issuerExtension has the OpenID Connect issuer in a certificate of Fulcio (sigstore/fulcio, docs/oid-info.md).
var issuerExtension = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}

func issuerOf(c *x509.Certificate) string {
	for _, extension := range c.Extensions {
		var issuer string
		if _, err := asn1.Unmarshal(extension.Value, &issuer); err == nil && extension.Id.Equal(issuerExtension) {
			return issuer
		}
	}
	return ""
}
