// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// readSeal returns the content of a referrer that may be a seal, and nothing for any other.
func readSeal(ctx context.Context, reader registry.Reader, repository image.Repository, referrer image.Descriptor) ([]byte, error) {
	document, err := reader.Document(ctx, image.Reference{Repository: repository, Digest: referrer.Digest})
	if err != nil {
		return nil, err
	}
	manifest := document.Manifest
	if manifest == nil || len(manifest.Layers) != 1 || manifest.Layers[0].MediaType != attestation.BundleMediaType || manifest.Layers[0].Size > maxSealSize {
		return nil, nil
	}
	blob, err := reader.Blob(ctx, repository, manifest.Layers[0])
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	return io.ReadAll(blob)
}

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
	return inputs, nil
}

// attach makes the attestations and the seal referrers of the image. It writes nothing that is already there. The report of the findings
// is the one that stood behind the seal: findings change all the time, and an image's list of referrers must not grow with them.
func (s *Seals) attach(ctx context.Context, e entry, seal []byte, describe func(context.Context, image.Reference) (image.Descriptor, error)) error {
	for _, manifest := range e.manifests() {
		reference := image.Reference{Repository: e.reference.Repository, Digest: manifest}
		for _, d := range documents {
			attest := func() ([]byte, error) { return s.attest(ctx, reference, d.kind, d.kind, d.predicateType) }
			if d.kind == evidence.KindVulnerabilities {
				attest = func() ([]byte, error) { return s.attested(ctx, reference, d.kind) }
			}
			bundle, err := attest()
			if err != nil {
				return err
			}
			if bundle == nil {
				continue
			}
			if err := s.attachBundle(ctx, reference, bundle, d.predicateType, describe); err != nil {
				return err
			}
		}
	}
	signed, err := s.signature(ctx, e.reference)
	if err != nil {
		return err
	}
	if err := s.attachBundle(ctx, e.reference, signed, evidence.SignaturePredicate, describe); err != nil {
		return err
	}
	return s.attachBundle(ctx, e.reference, seal, attestation.PredicateSeal, describe)
}

// signature returns Assay's signature of an image that is trusted, made once for all environments that have it from the repository.
func (s *Seals) signature(ctx context.Context, reference image.Reference) ([]byte, error) {
	kept, err := s.attested(ctx, reference, evidence.KindSignature)
	if err != nil || kept != nil && s.opensSignature(kept, reference) {
		return kept, err
	}
	made, err := attestation.Attest(ctx, s.bundleSigner(), reference, evidence.SignaturePredicate, []byte("{}"))
	if err != nil {
		return nil, err
	}
	return made, s.Store.Put(ctx, reference.Digest, evidence.AttestationKind(evidence.KindSignature, reference.Repository), made)
}

// opensSignature says that the bundle is a signature of the image by the present signer.
func (s *Seals) opensSignature(bundle []byte, reference image.Reference) bool {
	_, err := attestation.Open(bundle, s.believed(), reference.Digest, evidence.SignaturePredicate)
	return err == nil
}

func (s *Seals) attachBundle(ctx context.Context, reference image.Reference, bundle []byte, predicateType string, describe func(context.Context, image.Reference) (image.Descriptor, error)) error {
	subject, err := describe(ctx, reference)
	if err != nil {
		return err
	}
	_, err = s.Attacher.Attach(ctx, reference.Repository, subject, attestation.Artifact(bundle, predicateType))
	return err
}

// noteAttached notes when a seal and what belongs to it was attached.
func (s *Seals) noteAttached(ctx context.Context, name types.NamespacedName, reference image.Reference, seal []byte, now time.Time) error {
	note := image.DigestOf(seal).String() + " " + now.UTC().Format(time.RFC3339)
	return s.Store.Put(ctx, reference.Digest, evidence.AttachedKind(environment(name)), []byte(note))
}

// wasAttached says that it is believed that the seal is still attached.
func (s *Seals) wasAttached(ctx context.Context, name types.NamespacedName, reference image.Reference, seal []byte, now time.Time) bool {
	note, err := s.Store.Get(ctx, reference.Digest, evidence.AttachedKind(environment(name)))
	if err != nil {
		return false
	}
	digest, at, _ := strings.Cut(string(note), " ")
	attached, err := time.Parse(time.RFC3339, at)
	return err == nil && digest == image.DigestOf(seal).String() && now.Sub(attached) < attachedFor
}
