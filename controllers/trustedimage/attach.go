// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"errors"

	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature"
)

// describer returns what a referrer says of its subject.
type describer func(context.Context, image.Reference) (image.Descriptor, error)

// attach attaches the attestations, Assay's signature and the seal to the image, and the seal last. It writes nothing that is already
// there. The report of the findings is the one that stood behind the seal: findings change all the time, and what is attached to an image
// must not grow with them.
func (s *Seals) attach(ctx context.Context, e entry, seal []byte, describe describer) error {
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
			if err := s.attachStatement(ctx, reference, bundle, d.predicateType, describe); err != nil {
				return err
			}
		}
	}
	if err := s.attachSignature(ctx, e.reference, describe); err != nil {
		return err
	}
	return s.attachStatement(ctx, e.reference, seal, attestation.PredicateSeal, describe)
}

// attachStatement attaches an attestation, as a referrer or in the list of attestations.
func (s *Seals) attachStatement(ctx context.Context, about image.Reference, bundle []byte, predicateType string, describe describer) error {
	if s.Lists == nil {
		subject, err := describe(ctx, about)
		if err != nil {
			return err
		}
		_, err = s.Attacher.Attach(ctx, about.Repository, subject, attestation.Artifact(bundle, predicateType))
		return err
	}
	tagged, err := attestation.TaggedArtifact(bundle, predicateType)
	if err != nil {
		return err
	}
	_, err = s.Lists.Append(ctx, attestation.StatementTag(s.place(about).Repository, about.Digest), tagged)
	return err
}

// attachSignature attaches Assay's signature of the image.
func (s *Seals) attachSignature(ctx context.Context, about image.Reference, describe describer) error {
	signed, err := s.signature(ctx, about)
	if err != nil {
		return err
	}
	if s.Lists == nil {
		return s.attachStatement(ctx, about, signed, evidence.SignaturePredicate, describe)
	}
	tagged, err := attestation.ImageSignature(about, signed)
	if err != nil {
		return err
	}
	_, err = s.Lists.Append(ctx, attestation.SignatureTag(s.place(about).Repository, about.Digest), tagged)
	return err
}

// signature returns Assay's signature of an image that is trusted, made once for all environments that have it from the repository: a
// bundle, or the signature itself for a list.
func (s *Seals) signature(ctx context.Context, about image.Reference) ([]byte, error) {
	s.making.Lock()
	defer s.making.Unlock()
	kept, err := s.Store.Get(ctx, about.Digest, s.signatureKind(about))
	switch {
	case err == nil && s.opensSignature(kept, about):
		return kept, nil
	case err != nil && !errors.Is(err, evidence.ErrNotFound):
		return nil, err
	}
	made, err := s.sign(ctx, about)
	if err != nil {
		return nil, err
	}
	return made, s.Store.Put(ctx, about.Digest, s.signatureKind(about), made)
}

// sign signs the image.
func (s *Seals) sign(ctx context.Context, about image.Reference) ([]byte, error) {
	if s.Lists == nil {
		return attestation.Attest(ctx, s.bundleSigner(), about, evidence.SignaturePredicate, []byte("{}"))
	}
	key, err := s.key()
	if err != nil {
		return nil, err
	}
	return attestation.SignImage(ctx, key, about)
}

// opensSignature says that it is a signature of the image by the present signer.
func (s *Seals) opensSignature(signed []byte, about image.Reference) bool {
	if s.Lists != nil {
		key, err := s.key()
		return err == nil && attestation.SignedImage(about, signed, key.Key())
	}
	_, err := attestation.Open(signed, s.believed(), about.Digest, evidence.SignaturePredicate)
	return err == nil
}

// signatureKind is how the store has the signature of the image.
func (s *Seals) signatureKind(about image.Reference) evidence.Kind {
	if s.Lists != nil {
		return evidence.AttestationKind(evidence.KindTaggedSignature, about.Repository)
	}
	return evidence.AttestationKind(evidence.KindSignature, about.Repository)
}

// errNoKey says that the signer of statements has no key, as keyless ones.
var errNoKey = errors.New("the signer has no key of its own, so that what it signs has no tag-based form")

// key is what signs statements and images when they stand in lists.
func (s *Seals) key() (signature.Signer, error) {
	if key, ok := attestation.KeyOf(s.bundleSigner()); ok {
		return key, nil
	}
	return nil, errNoKey
}

// place is where what belongs to an image is attached.
func (s *Seals) place(about image.Reference) image.Reference {
	if !s.Repository.IsZero() {
		about.Repository = s.Repository
	}
	return about
}
