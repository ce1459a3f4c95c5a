// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/trust"
)

// maxSealSize bounds a seal that is read from a registry, in bytes.
const maxSealSize = 256 << 10

// Seals makes, keeps and finds what makes a status entry trust: its compact signature, and the seal, a signed verification summary.
type Seals struct {
	// Signer has Assay's seal key. Retired are seal keys of before: what they signed is signed again by the present one.
	Signer  signature.Signer
	Retired []signature.Key
	// Bundles signs seals and attestations; nil for the seal key. Believed opens those of it that are kept or found, and is there with it.
	Bundles  signature.BundleSigner
	Believed attestation.Opener
	// Store keeps seals and attestations, Ledger what an emptied status is refilled from.
	Store  evidence.Store
	Ledger evidence.Ledger
	// Attacher attaches them to images with Assay's own credentials.
	Attacher registry.Attacher
	// Repository is where all of it is attached when that is not each image's own, and Reader reads it with Assay's own credentials.
	Repository image.Repository
	Reader     registry.Reader
	// Version of Assay, as seals state it.
	Version string
}

// verified decodes the records whose signature is by the seal key, and counts the others. A record by a retired key is signed again.
func (s *Seals) verified(ctx context.Context, name types.NamespacedName, records []v1alpha1.TrustedDigest) (entries []entry, forged int) {
	for _, record := range records {
		covered, err := coveredBy(name, record)
		if err == nil && covered.Verify(ecdsaKeys(s.Signer.Key()), record.Signature) != nil {
			if err = covered.Verify(ecdsaKeys(s.Retired...), record.Signature); err == nil {
				err = s.sign(ctx, name, &record)
			}
		}
		if err != nil {
			forged++
			continue
		}
		entries = append(entries, entry{record: record, reference: image.Reference{Repository: covered.Repository, Digest: covered.Digest}})
	}
	return entries, forged
}

func ecdsaKeys(keys ...signature.Key) []*ecdsa.PublicKey {
	var public []*ecdsa.PublicKey
	for _, key := range keys {
		if key, ok := key.Public.(*ecdsa.PublicKey); ok {
			public = append(public, key)
		}
	}
	return public
}

// sign gives the record its compact signature.
func (s *Seals) sign(ctx context.Context, name types.NamespacedName, record *v1alpha1.TrustedDigest) error {
	covered, err := coveredBy(name, *record)
	if err != nil {
		return err
	}
	record.Signature, err = attestation.SignEntry(ctx, s.Signer, covered)
	return err
}

// coveredBy is what a record's signature covers.
func coveredBy(name types.NamespacedName, record v1alpha1.TrustedDigest) (trust.Entry, error) {
	entry := trust.Entry{Namespace: name.Namespace, Name: name.Name}
	var err error
	if entry.Repository, err = image.ParseRepository(record.Repository); err != nil {
		return entry, err
	}
	if entry.Digest, err = image.ParseDigest(string(record.Digest)); err != nil {
		return entry, err
	}
	if entry.PoliciesHash, err = image.ParseDigest(string(record.PoliciesHash)); err != nil {
		return entry, err
	}
	for _, platform := range record.Platforms {
		digest, err := image.ParseDigest(string(platform.Digest))
		if err != nil {
			return entry, err
		}
		entry.Platforms = append(entry.Platforms, digest)
	}
	return entry, nil
}

// ledger returns the records that an emptied status is refilled from; found is false when the environment never trusted anything.
func (s *Seals) ledger(ctx context.Context, name types.NamespacedName) (records []v1alpha1.TrustedDigest, found bool, err error) {
	content, err := s.Ledger.Read(ctx, environment(name))
	if errors.Is(err, evidence.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	err = json.Unmarshal(content, &records)
	return records, true, err
}

// remember writes the records to the ledger when it holds others. What only explains a record stays out of it.
func (s *Seals) remember(ctx context.Context, name types.NamespacedName, entries []entry) error {
	records := make([]v1alpha1.TrustedDigest, 0, len(entries))
	for _, e := range entries {
		record := e.record
		description{}.describeTrusted(&record)
		records = append(records, record)
	}
	content, err := json.Marshal(records)
	if err != nil {
		return err
	}
	kept, err := s.Ledger.Read(ctx, environment(name))
	switch {
	case errors.Is(err, evidence.ErrNotFound) && len(records) == 0:
		return nil
	case err == nil && bytes.Equal(kept, content):
		return nil
	case err != nil && !errors.Is(err, evidence.ErrNotFound):
		return err
	}
	return s.Ledger.Write(ctx, environment(name), content)
}

// seal returns the bundle of the entry's seal: the one that was made when the environment came to trust the digest, or a new one.
func (s *Seals) seal(ctx context.Context, name types.NamespacedName, e entry, now time.Time) ([]byte, error) {
	kept, err := s.kept(ctx, name, e.reference)
	if kept != nil || err != nil {
		return kept, err
	}
	hash, err := image.ParseDigest(string(e.record.PoliciesHash))
	if err != nil {
		return nil, err
	}
	inputs, err := s.inputs(ctx, name, e)
	if err != nil {
		return nil, err
	}
	made, err := attestation.SignSeal(ctx, s.bundleSigner(), attestation.Seal{
		Environment:  environment(name),
		Image:        e.reference,
		Platforms:    e.platforms(),
		PoliciesHash: hash,
		TrustedAt:    e.record.TrustedAt.Time(),
		VerifiedAt:   now,
		Version:      s.Version,
		Inputs:       inputs,
	})
	if err != nil {
		return nil, err
	}
	return made, s.Store.Put(ctx, e.reference.Digest, evidence.SealKind(environment(name)), made)
}

// kept returns the seal that the store has for the image in the environment, nil when it has none.
func (s *Seals) kept(ctx context.Context, name types.NamespacedName, reference image.Reference) ([]byte, error) {
	bundle, err := s.Store.Get(ctx, reference.Digest, evidence.SealKind(environment(name)))
	if errors.Is(err, evidence.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if _, err := attestation.OpenSeal(bundle, s.believed(), environment(name), reference); err != nil {
		return nil, nil //nolint:nilerr // It is of another repository or by an older key; it will be replaced.
	}
	return bundle, nil
}

// find looks among the image's referrers for a seal that Assay gave it for this environment, keeps it in the store, and returns the
// record that it stands for, nil when there is none. Assay's signature of the image is kept as well, so that a fresh disk makes no second
// one. What else is attached to the image is passed over.
func (s *Seals) find(ctx context.Context, reader registry.Reader, name types.NamespacedName, reference image.Reference) (found *v1alpha1.TrustedDigest, err error) {
	place := reference
	if !s.Repository.IsZero() {
		place.Repository, reader = s.Repository, s.Reader
	}
	referrers, err := reader.Referrers(ctx, place)
	if err != nil {
		return nil, err
	}
	for _, referrer := range promising(referrers) {
		bundle, err := readSeal(ctx, reader, place.Repository, referrer)
		if registry.IsKind(err, registry.KindUnavailable) {
			return nil, err
		}
		if err != nil || bundle == nil {
			continue
		}
		if s.opensSignature(bundle, reference) {
			err = s.Store.Put(ctx, reference.Digest, evidence.AttestationKind(evidence.KindSignature, reference.Repository), bundle)
		} else if seal, invalid := s.open(name, reference, bundle); invalid == nil && found == nil {
			found = new(v1alpha1.TrustedDigest)
			*found = recordOf(seal, bundle)
			err = errors.Join(s.Store.Put(ctx, reference.Digest, evidence.SealKind(environment(name)), bundle), s.sign(ctx, name, found))
		}
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// maxOpened bounds the referrers that are looked into for Assay's own seals and signatures.
const maxOpened = 256

// promising returns the referrers that may be seals or signatures by what they say of themselves.
func promising(referrers []image.Descriptor) []image.Descriptor {
	var may []image.Descriptor
	for _, referrer := range referrers {
		switch referrer.Annotations[attestation.PredicateAnnotation] {
		case "", attestation.PredicateSeal, evidence.SignaturePredicate:
			may = append(may, referrer)
		}
	}
	return may[:min(len(may), maxOpened)]
}

// bundleSigner signs what is for others.
func (s *Seals) bundleSigner() signature.BundleSigner {
	if s.Bundles != nil {
		return s.Bundles
	}
	return attestation.ByKey(s.Signer)
}

// believed opens what bundleSigner signed.
func (s *Seals) believed() attestation.Opener {
	if s.Bundles != nil {
		return s.Believed
	}
	return attestation.Keys{s.Signer.Key()}
}

// open opens a seal by the present signer or a retired key.
func (s *Seals) open(name types.NamespacedName, reference image.Reference, bundle []byte) (attestation.Seal, error) {
	return attestation.OpenSeal(bundle, attestation.AnyOf{s.believed(), attestation.Keys(s.Retired)}, environment(name), reference)
}
