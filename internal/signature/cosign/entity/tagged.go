// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/tlog"
)

// Annotations of a layer under a tag (sigstore/cosign, specs/SIGNATURE_SPEC.md).
const (
	// signatureAnnotation holds the signature in base64; empty on an attestation, which has it in its envelope.
	signatureAnnotation = "dev.cosignproject.cosign/signature"
	// certificateAnnotation holds the signer's certificate, and chainAnnotation those above it, in PEM form.
	certificateAnnotation = "dev.sigstore.cosign/certificate"
	chainAnnotation       = "dev.sigstore.cosign/chain"
	// entryAnnotation holds a log entry with the log's promise, in JSON.
	entryAnnotation = "dev.sigstore.cosign/bundle"
	// timestampAnnotation holds an RFC 3161 timestamp, in JSON.
	timestampAnnotation = "dev.sigstore.cosign/rfc3161timestamp"
)

// FromTaggedSignature reads a layer of the manifest tagged sha256-<digest>.sig: the payload that was signed, and the annotations with the
// signature and its proofs.
func FromTaggedSignature(payload []byte, annotations map[string]string) (Entity, error) {
	return guard(func() (Entity, error) {
		sig, err := base64.StdEncoding.DecodeString(annotations[signatureAnnotation])
		switch {
		case len(payload) > maxSize:
			return Entity{}, fmt.Errorf("a payload of more than %d bytes", maxSize)
		case err != nil || len(sig) == 0 || len(payload) == 0:
			return Entity{}, errors.New("the layer has no payload, or no signature")
		}
		sum := sha256.Sum256(payload)
		digest := messageDigest{protocommon.HashAlgorithm_SHA2_256.String(), sum[:]}
		e := Entity{payload: payload, message: payload, digest: digest, signatures: [][]byte{sig}}
		e.proofs, e.flaw = taggedProofs(annotations)
		return e, nil
	})
}

// FromTaggedAttestation reads a layer of the manifest tagged sha256-<digest>.att: a DSSE envelope, and the annotations with the
// proofs of its signature.
func FromTaggedAttestation(content []byte, annotations map[string]string) (Entity, error) {
	return guard(func() (Entity, error) {
		if len(content) > maxSize {
			return Entity{}, fmt.Errorf("an envelope of more than %d bytes", maxSize)
		}
		var parsed envelope
		if err := decode(content, &parsed); err != nil {
			return Entity{}, fmt.Errorf("not an envelope: %w", err)
		}
		var signatures [][]byte
		for _, signature := range parsed.Signatures {
			signatures = append(signatures, signature.Sig)
		}
		e, err := fromEnvelope(parsed.PayloadType, parsed.Payload, signatures)
		if err != nil {
			return Entity{}, err
		}
		e.proofs, e.flaw = taggedProofs(annotations)
		e.proofs.timestamped = content // cosign stamps the envelope as it is
		if e.proofs.legacy != nil {
			e.proofs.legacy.envelope = content
		}
		return e, nil
	})
}

// taggedProofs reads the proofs in the annotations of a layer.
func taggedProofs(annotations map[string]string) (proofs, error) {
	for _, name := range []string{certificateAnnotation, chainAnnotation, entryAnnotation, timestampAnnotation} {
		if len(annotations[name]) > maxAnnotationSize {
			return proofs{}, fmt.Errorf("the annotation %s has more than %d bytes", name, maxAnnotationSize)
		}
	}
	p, err := taggedCertificates(annotations)
	if err != nil {
		return proofs{}, err
	}
	if text := annotations[timestampAnnotation]; text != "" {
		var timestamp struct{ SignedRFC3161Timestamp []byte }
		if err := decode([]byte(text), &timestamp); err != nil {
			return proofs{}, fmt.Errorf("the layer's timestamp: %w", err)
		}
		p.timestamps = [][]byte{timestamp.SignedRFC3161Timestamp}
		if err := checkTimestamps(p.timestamps); err != nil {
			return proofs{}, err
		}
	}
	text := annotations[entryAnnotation]
	if text == "" {
		return p, nil
	}
	entry, err := promisedEntry([]byte(text))
	if err != nil {
		return proofs{}, fmt.Errorf("the layer's log entry cannot be read: %w", err)
	}
	if kind := kindOf(entry); kind == legacyKind {
		p.legacy = &legacyEntry{annotation: []byte(text), entry: entry}
	} else {
		p.entries = []*tlog.Entry{entry}
	}
	return p, nil
}

// taggedCertificates reads the certificates. A root that stands at the end of the chain is left out: cosign writes it along.
func taggedCertificates(annotations map[string]string) (proofs, error) {
	leaf, err := pemCertificates([]byte(annotations[certificateAnnotation]), 1)
	if err != nil {
		return proofs{}, fmt.Errorf("the layer's certificate: %w", err)
	}
	if len(leaf) == 0 {
		return proofs{}, nil
	}
	above, err := pemCertificates([]byte(annotations[chainAnnotation]), maxIntermediates+1)
	if err != nil {
		return proofs{}, fmt.Errorf("the layer's chain: %w", err)
	}
	if n := len(above); n > 0 {
		if last, err := parseCertificate(above[n-1]); err == nil && isRoot(last) {
			above = above[:n-1]
		}
	}
	return certificateProofs(append(leaf, above...))
}

// promisedEntry reads a log entry in cosign's form, as Rekor answered when the signature was logged.
func promisedEntry(text []byte) (*tlog.Entry, error) {
	var promised struct {
		SignedEntryTimestamp []byte
		Payload              struct {
			Body           []byte `json:"body"`
			IntegratedTime int64  `json:"integratedTime"`
			LogIndex       int64  `json:"logIndex"`
			LogID          string `json:"logID"`
		}
	}
	if err := decode(text, &promised); err != nil {
		return nil, err
	}
	logID, err := hex.DecodeString(promised.Payload.LogID)
	if err != nil {
		return nil, errors.New("its log has no proper ID")
	}
	kind, version := kindAndVersion(promised.Payload.Body)
	return tlog.ParseTransparencyLogEntry(&protorekor.TransparencyLogEntry{
		LogIndex:          promised.Payload.LogIndex,
		LogId:             &protocommon.LogId{KeyId: logID},
		KindVersion:       &protorekor.KindVersion{Kind: kind, Version: version},
		IntegratedTime:    promised.Payload.IntegratedTime,
		InclusionPromise:  &protorekor.InclusionPromise{SignedEntryTimestamp: promised.SignedEntryTimestamp},
		CanonicalizedBody: promised.Payload.Body,
	})
}
