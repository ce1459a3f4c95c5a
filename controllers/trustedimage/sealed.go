// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"errors"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

// recordOf is the status entry that a seal stands for.
func recordOf(seal attestation.Seal, bundle []byte) v1alpha1.TrustedDigest {
	record := v1alpha1.TrustedDigest{
		Digest:       v1alpha1.DigestString(seal.Image.Digest.String()),
		Repository:   seal.Image.Repository.String(),
		TrustedAt:    v1alpha1.NewTimestamp(seal.TrustedAt),
		PoliciesHash: v1alpha1.DigestString(seal.PoliciesHash.String()),
		SealDigest:   v1alpha1.DigestString(image.DigestOf(bundle).String()),
	}
	for _, p := range seal.Platforms {
		record.Platforms = append(record.Platforms, v1alpha1.PlatformDigest{
			Platform: v1alpha1.PlatformString(p.Platform.String()),
			Digest:   v1alpha1.DigestString(p.Manifest.String()),
		})
	}
	return record
}

// platforms are the manifests of an index as a seal names them.
func (e entry) platforms() []attestation.SealedPlatform {
	var sealed []attestation.SealedPlatform
	for _, p := range e.record.Platforms {
		platform, err := image.ParsePlatform(string(p.Platform))
		digest, digestErr := image.ParseDigest(string(p.Digest))
		if err == nil && digestErr == nil {
			sealed = append(sealed, attestation.SealedPlatform{Platform: platform, Manifest: digest})
		}
	}
	return sealed
}

// manifests are the platforms' manifests, the image's own when it is no index.
func (e entry) manifests() []image.Digest {
	sealed := e.platforms()
	if len(sealed) == 0 {
		return []image.Digest{e.reference.Digest}
	}
	digests := make([]image.Digest, 0, len(sealed))
	for _, p := range sealed {
		digests = append(digests, p.Manifest)
	}
	return digests
}

// documents are those that are attested.
var documents = []struct {
	kind          evidence.Kind
	predicateType string
}{
	{evidence.KindSPDX, attestation.PredicateSPDX},
	{evidence.KindCycloneDX, attestation.PredicateCycloneDX},
	{evidence.KindVulnerabilities, attestation.PredicateVulnerabilities},
}

// piece is the kind by which the store has the document of an environment.
func piece(document evidence.Kind, name types.NamespacedName, e entry) evidence.Kind {
	if document == evidence.KindVulnerabilities {
		return evidence.ReportKind(environment(name), e.reference)
	}
	return document
}

// attest returns the signed statement over one document of one manifest, which the store has as the given piece, signed once and kept,
// and again when the document is another now. It is nil without a document.
func (s *Seals) attest(ctx context.Context, reference image.Reference, document, piece evidence.Kind, predicateType string) ([]byte, error) {
	s.making.Lock()
	defer s.making.Unlock()
	kept, err := s.attested(ctx, reference, document)
	if err != nil {
		return nil, err
	}
	content, err := s.Store.Get(ctx, reference.Digest, piece)
	if errors.Is(err, evidence.ErrNotFound) {
		return kept, nil
	}
	if err != nil {
		return nil, err
	}
	bundle, renewed, err := attestation.Renew(ctx, s.bundleSigner(), s.believed(), kept, reference, predicateType, content)
	if err != nil || !renewed {
		return bundle, err
	}
	return bundle, s.Store.Put(ctx, reference.Digest, evidence.AttestationKind(document, reference.Repository), bundle)
}

// attested returns the signed statement that is kept, nil when there is none.
func (s *Seals) attested(ctx context.Context, reference image.Reference, document evidence.Kind) ([]byte, error) {
	bundle, err := s.Store.Get(ctx, reference.Digest, evidence.AttestationKind(document, reference.Repository))
	if errors.Is(err, evidence.ErrNotFound) {
		return nil, nil
	}
	return bundle, err
}

// inputs are the attestations that stand behind a judgement.
func (s *Seals) inputs(ctx context.Context, name types.NamespacedName, e entry) ([]attestation.Input, error) {
	var inputs []attestation.Input
	for _, manifest := range e.manifests() {
		reference := image.Reference{Repository: e.reference.Repository, Digest: manifest}
		for _, d := range documents {
			bundle, err := s.attest(ctx, reference, d.kind, piece(d.kind, name, e), d.predicateType)
			if err != nil {
				return nil, err
			}
			if bundle != nil {
				inputs = append(inputs, attestation.Input{Digest: image.DigestOf(bundle)})
			}
		}
	}
	for _, attached := range e.inputs {
		inputs = append(inputs, attestation.Input{Digest: attached})
	}
	return inputs, nil
}

// noteAttached notes when a seal and what belongs to it was attached.
func (s *Seals) noteAttached(ctx context.Context, name types.NamespacedName, reference image.Reference, seal []byte, now time.Time) error {
	note := image.DigestOf(seal).String() + " " + now.UTC().Format(time.RFC3339)
	return s.Store.Put(ctx, reference.Digest, evidence.AttachedKind(environment(name)), []byte(note))
}

// attachedAt returns when the seal was last attached or found to be; ok is false when that never was.
func (s *Seals) attachedAt(ctx context.Context, name types.NamespacedName, reference image.Reference, seal []byte) (at time.Time, ok bool) {
	note, err := s.Store.Get(ctx, reference.Digest, evidence.AttachedKind(environment(name)))
	if err != nil {
		return time.Time{}, false
	}
	digest, when, _ := strings.Cut(string(note), " ")
	at, err = time.Parse(time.RFC3339, when)
	return at, err == nil && digest == image.DigestOf(seal).String()
}
