// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/query"
)

// holding is what the store has about one digest of a TrustedImage: what others signed, which is the same for everybody who has the
// digest, and what Assay signed for this environment and this repository.
type holding struct {
	query.Image
	store       Store
	environment evidence.Environment
	about       image.Reference
	platforms   []platform
	// predicateType restricts what is told; empty for everything. contents says that what was signed is told, too.
	predicateType string
	contents      bool
}

// documents that Assay attests, of each platform's image.
var documents = [...]struct {
	kind          evidence.Kind
	predicateType string
}{
	{evidence.KindSPDX, attestation.PredicateSPDX},
	{evidence.KindCycloneDX, attestation.PredicateCycloneDX},
	{evidence.KindVulnerabilities, attestation.PredicateVulnerabilities},
}

// each tells all statements, each once: Assay's seal and signature, what others signed, and the documents that Assay attested.
func (h *holding) each(ctx context.Context, to *counted) error {
	repository := h.about.Repository
	if err := h.own(ctx, to, h.about.Digest, evidence.SealKind(h.environment), attestation.PredicateSeal); err != nil {
		return err
	}
	if err := h.own(ctx, to, h.about.Digest, evidence.AttestationKind(evidence.KindSignature, repository), evidence.SignaturePredicate); err != nil {
		return err
	}
	if err := h.tagged(ctx, to); err != nil {
		return err
	}
	if err := h.others(ctx, to); err != nil {
		return err
	}
	for _, p := range h.platforms {
		for _, d := range documents {
			if err := h.own(ctx, to, p.manifest, evidence.AttestationKind(d.kind, repository), d.predicateType); err != nil {
				return err
			}
		}
	}
	return nil
}

// own tells what Assay signed and keeps as a piece of the kind, if there is such a piece.
func (h *holding) own(ctx context.Context, to *counted, subject image.Digest, kind evidence.Kind, predicateType string) error {
	if !h.wants(predicateType) {
		return nil
	}
	content, err := h.store.Get(ctx, subject, kind)
	if errors.Is(err, evidence.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	signed, signer, err := readBundle(content)
	if err != nil {
		return fmt.Errorf("%s about %s: %w", kind, subject, err)
	}
	if !names(signed, h.about.Repository) || to.told[image.DigestOf(signed).String()] {
		return nil
	}
	statement := query.Statement{
		PredicateType: predicateType, Own: true, Digest: image.DigestOf(signed).String(), Size: int64(len(signed)), Signers: []query.Signer{signer},
	}
	if subject != h.about.Digest {
		statement.Manifests = []string{subject.String()}
	}
	if !h.contents {
		signed = nil
	}
	return to.tell(statement, signed)
}

// tagged tells Assay's signature in tag-based form, of which the store has no more than the signature itself.
func (h *holding) tagged(ctx context.Context, to *counted) error {
	if !h.wants(evidence.SignaturePredicate) {
		return nil
	}
	sig, err := h.store.Get(ctx, h.about.Digest, evidence.AttestationKind(evidence.KindTaggedSignature, h.about.Repository))
	if errors.Is(err, evidence.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	artifact, err := attestation.ImageSignature(h.about, sig)
	if err != nil {
		return err
	}
	statement := query.Statement{
		PredicateType: evidence.SignaturePredicate, Own: true, Digest: image.DigestOf(artifact.Content).String(), Size: int64(len(artifact.Content)),
	}
	if !h.contents {
		artifact.Content = nil
	}
	return to.tell(statement, artifact.Content)
}

// names says that a statement of Assay's is about an image in the repository. A seal may be left from when the TrustedImage had another.
func names(signed []byte, repository image.Repository) bool {
	var s struct {
		Subject []struct {
			Name string `json:"name"`
		} `json:"subject"`
	}
	err := json.Unmarshal(signed, &s)
	return err == nil && len(s.Subject) == 1 && s.Subject[0].Name == repository.String()
}

func (h *holding) wants(predicateType string) bool {
	return h.predicateType == "" || h.predicateType == predicateType
}
