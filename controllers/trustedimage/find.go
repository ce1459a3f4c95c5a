// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"io"

	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
)

const (
	// maxSealSize bounds a seal that is read from a registry, in bytes.
	maxSealSize = 256 << 10
	// maxOpened bounds the referrers, and the attestations in a list, that are looked into for Assay's own seals and signatures.
	maxOpened = 256
)

// find looks among what is attached to the image, in either form, for a seal that Assay gave it for this environment, keeps it in the
// store, and returns the record that it stands for, nil when there is none. Assay's signature of the image is kept as well, so that a
// fresh disk makes no second one. What else is attached to the image is passed over.
func (s *Seals) find(ctx context.Context, reader registry.Reader, name types.NamespacedName, about image.Reference) (*v1alpha1.TrustedDigest, error) {
	if !s.Repository.IsZero() {
		reader = s.Reader
	}
	l := look{seals: s, reader: reader, name: name, about: about, place: s.place(about)}
	for _, form := range []func(context.Context) error{l.bundles, l.attestations, l.signatures} {
		if err := form(ctx); err != nil {
			return nil, err
		}
	}
	if l.seal == nil {
		return nil, nil
	}
	if err := s.Store.Put(ctx, about.Digest, evidence.SealKind(environment(name)), l.seal); err != nil {
		return nil, err
	}
	return &l.record, s.signEntry(ctx, name, &l.record)
}

// lookFor looks whether the registry has a seal of the entry, and returns the entry with it. That nobody may look, for want of credentials
// say, keeps none from being made.
func (s *Seals) lookFor(ctx context.Context, reader registry.Reader, name types.NamespacedName, e entry) (entry, error) {
	found, err := s.find(ctx, reader, name, e.reference)
	if registry.IsKind(err, registry.KindUnavailable) {
		return e, err
	}
	if err == nil && found != nil {
		e.record.SealDigest = found.SealDigest
	}
	return e, nil
}

// look is one look for what Assay attached to an image.
type look struct {
	seals  *Seals
	reader registry.Reader
	name   types.NamespacedName
	about  image.Reference
	// place is where it would be.
	place image.Reference

	// seal that was found, and the record that it stands for. One by the present signer is preferred to one by a retired key.
	seal    []byte
	record  v1alpha1.TrustedDigest
	present bool
}

// bundles looks among the referrers. A list that is too long is looked at as far as it goes.
func (l *look) bundles(ctx context.Context) error {
	referrers, err := l.reader.Referrers(ctx, l.place)
	if err != nil && !registry.IsKind(err, registry.KindOverLimit) {
		return err
	}
	for _, referrer := range promising(referrers, attestation.PredicateAnnotation) {
		bundle, err := readSeal(ctx, l.reader, l.place.Repository, referrer)
		if registry.IsKind(err, registry.KindUnavailable) {
			return err
		}
		if err != nil || bundle == nil {
			continue
		}
		if l.seals.Lists == nil && l.seals.opensSignature(bundle, l.about) {
			if err := l.keepSignature(ctx, bundle); err != nil {
				return err
			}
			continue
		}
		l.consider(bundle)
	}
	return nil
}

// attestations looks into the list of attestations.
func (l *look) attestations(ctx context.Context) error {
	layers, err := l.list(ctx, attestation.StatementTag(l.place.Repository, l.about.Digest))
	if err != nil {
		return err
	}
	for _, layer := range promising(layers, attestation.TypeAnnotation) {
		if layer.MediaType != attestation.EnvelopeMediaType || layer.Size > maxSealSize {
			continue
		}
		content, err := readBlob(ctx, l.reader, l.place.Repository, layer)
		if registry.IsKind(err, registry.KindUnavailable) {
			return err
		}
		if err != nil {
			continue
		}
		if bundle, err := attestation.FromTagged(content, l.seals.keys()); err == nil {
			l.consider(bundle)
		}
	}
	return nil
}

// signatures looks for Assay's signature in the list of signatures.
func (l *look) signatures(ctx context.Context) error {
	if l.seals.Lists == nil {
		return nil
	}
	key, err := l.seals.key()
	if err != nil {
		return err
	}
	layers, err := l.list(ctx, attestation.SignatureTag(l.place.Repository, l.about.Digest))
	if err != nil {
		return err
	}
	if found := attestation.FindImageSignature(layers, l.about, key.Key()); found != nil {
		return l.keepSignature(ctx, found)
	}
	return nil
}

// list returns what a tag lists, nothing when there is no list that could be read.
func (l *look) list(ctx context.Context, tag image.Tag) ([]image.Descriptor, error) {
	document, err := l.reader.Resolve(ctx, tag)
	switch {
	case registry.IsKind(err, registry.KindUnavailable):
		return nil, err
	case err != nil || document.Manifest == nil:
		return nil, nil //nolint:nilerr // What others put there is passed over, and what nobody may read as well.
	}
	return document.Manifest.Layers, nil
}

// consider takes the bundle when it is a seal of this environment.
func (l *look) consider(bundle []byte) {
	seal, err := attestation.OpenSeal(bundle, l.seals.believed(), environment(l.name), l.about)
	present := err == nil
	if !present {
		seal, err = attestation.OpenSeal(bundle, attestation.Keys(l.seals.Retired), environment(l.name), l.about)
	}
	if err != nil || l.seal != nil && (l.present || !present) {
		return
	}
	l.seal, l.record, l.present = bundle, recordOf(seal, bundle), present
}

func (l *look) keepSignature(ctx context.Context, signed []byte) error {
	return l.seals.Store.Put(ctx, l.about.Digest, l.seals.signatureKind(l.about), signed)
}

// keys are those that may have signed what stands in lists.
func (s *Seals) keys() attestation.Keys {
	keys := s.Retired
	if key, err := s.key(); err == nil {
		keys = append([]signature.Key{key.Key()}, keys...)
	}
	return keys
}

// promising returns those that may be seals or signatures by what they say of themselves.
func promising(attached []image.Descriptor, annotation string) []image.Descriptor {
	var may []image.Descriptor
	for _, a := range attached {
		switch a.Annotations[annotation] {
		case "", attestation.PredicateSeal, evidence.SignaturePredicate:
			may = append(may, a)
		}
	}
	return may[:min(len(may), maxOpened)]
}

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
	return readBlob(ctx, reader, repository, manifest.Layers[0])
}

func readBlob(ctx context.Context, reader registry.Reader, repository image.Repository, descriptor image.Descriptor) ([]byte, error) {
	blob, err := reader.Blob(ctx, repository, descriptor)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	return io.ReadAll(blob)
}
