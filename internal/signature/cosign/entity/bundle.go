// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity

import (
	"errors"
	"fmt"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"google.golang.org/protobuf/encoding/protojson"
)

// FromBundle reads a Sigstore bundle v0.1, v0.2 or v0.3 (sigstore/protobuf-specs, sigstore_bundle.proto).
func FromBundle(content []byte) (Entity, error) {
	return guard(func() (Entity, error) { return fromBundle(content) })
}

func fromBundle(content []byte) (Entity, error) {
	if len(content) > maxSize {
		return Entity{}, fmt.Errorf("a bundle of more than %d bytes", maxSize)
	}
	var message protobundle.Bundle
	// Fields that occur twice, that are not known or that are not UTF-8 are refused here.
	if err := protojson.Unmarshal(content, &message); err != nil {
		return Entity{}, fmt.Errorf("not a bundle: %w", err)
	}
	parsed, chained, err := validBundle(&message)
	if err != nil {
		return Entity{}, fmt.Errorf("not a bundle of v0.1 to v0.3: %w", err)
	}
	entity, err := bundleContent(&message)
	if err != nil {
		return Entity{}, err
	}
	if entity.proofs, err = bundleProofs(parsed, &message); err != nil {
		return Entity{}, err
	}
	entity.proofs.chained = chained
	return entity, nil
}

// validBundle checks the bundle by the rules of its version. Since v0.3 a chain of certificates is for authorities of one's own alone.
func validBundle(message *protobundle.Bundle) (parsed *bundle.Bundle, chained bool, err error) {
	parsed, err = bundle.NewBundle(message)
	if err == nil || message.GetVerificationMaterial().GetX509CertificateChain() == nil {
		return parsed, false, err
	}
	parsed, err = bundle.NewBundle(message, bundle.AllowCertificateChain())
	return parsed, true, err
}

// bundleContent is what the bundle says was signed.
func bundleContent(message *protobundle.Bundle) (Entity, error) {
	if signed := message.GetMessageSignature(); signed != nil {
		digest := signed.GetMessageDigest()
		if len(digest.GetDigest()) == 0 || len(signed.GetSignature()) == 0 {
			return Entity{}, errors.New("the bundle has no digest, or no signature")
		}
		algorithm := protocommon.HashAlgorithm_name[int32(digest.GetAlgorithm())]
		return Entity{digest: messageDigest{algorithm, digest.GetDigest()}, signatures: [][]byte{signed.GetSignature()}}, nil
	}
	envelope := message.GetDsseEnvelope()
	var signatures [][]byte
	for _, signature := range envelope.GetSignatures() {
		signatures = append(signatures, signature.GetSig())
	}
	return fromEnvelope(envelope.GetPayloadType(), envelope.GetPayload(), signatures)
}

// bundleProofs is what the bundle brings along.
func bundleProofs(parsed *bundle.Bundle, message *protobundle.Bundle) (proofs, error) {
	material := message.GetVerificationMaterial()
	var certificates [][]byte
	if single := material.GetCertificate(); single != nil {
		certificates = append(certificates, single.GetRawBytes())
	}
	for _, certificate := range material.GetX509CertificateChain().GetCertificates() {
		certificates = append(certificates, certificate.GetRawBytes())
	}
	p, err := certificateProofs(certificates)
	if err != nil {
		return proofs{}, err
	}
	if p.entries, err = parsed.TlogEntries(); err != nil {
		return proofs{}, fmt.Errorf("a log entry cannot be read: %w", err)
	}
	if p.timestamps, err = parsed.Timestamps(); err != nil {
		return proofs{}, fmt.Errorf("a timestamp cannot be read: %w", err)
	}
	return p, checkTimestamps(p.timestamps)
}
