// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/trust"
)

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
	// Lists has them stand in lists under tags instead, as cosign wrote them before there were bundles; nil for bundles. The signer must have
	// a key of its own then.
	Lists registry.Appender
	// Repository is where all of it is attached when that is not each image's own, and Reader reads it with Assay's own credentials.
	Repository image.Repository
	Reader     registry.Reader
	// Version of Assay, as seals state it.
	Version string

	// making is held while something is signed that all environments share, so that it is signed once.
	making sync.Mutex
}

// verified decodes the records whose signature is by the seal key, and counts the others. A record by a retired key is signed again.
func (s *Seals) verified(ctx context.Context, name types.NamespacedName, records []v1alpha1.TrustedDigest) (entries []entry, forged int) {
	for _, record := range records {
		covered, err := coveredBy(name, record)
		if err == nil && covered.Verify(ecdsaKeys(s.Signer.Key()), record.Signature) != nil {
			if err = covered.Verify(ecdsaKeys(s.Retired...), record.Signature); err == nil {
				err = s.signEntry(ctx, name, &record)
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

// signEntry gives the record its compact signature.
func (s *Seals) signEntry(ctx context.Context, name types.NamespacedName, record *v1alpha1.TrustedDigest) error {
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

// seal returns the bundle of the entry's seal: the one that was made when the environment came to trust the digest, or a new one. It states
// nothing but what the entry and the evidence say, so that two controllers with one key and the same evidence make the same seal.
func (s *Seals) seal(ctx context.Context, name types.NamespacedName, e entry) ([]byte, error) {
	kept, err := s.kept(ctx, name, e)
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
		VerifiedAt:   e.record.TrustedAt.Time(),
		Version:      s.Version,
		Inputs:       inputs,
	})
	if err != nil {
		return nil, err
	}
	return made, s.Store.Put(ctx, e.reference.Digest, evidence.SealKind(environment(name)), made)
}

// kept returns the seal that the store has for the entry, nil when it has none.
func (s *Seals) kept(ctx context.Context, name types.NamespacedName, e entry) ([]byte, error) {
	bundle, err := s.Store.Get(ctx, e.reference.Digest, evidence.SealKind(environment(name)))
	if errors.Is(err, evidence.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if named := e.record.SealDigest; named != "" && named != v1alpha1.DigestString(image.DigestOf(bundle).String()) {
		return nil, nil // Another controller sealed the entry that came to stand in the status.
	}
	if _, err := attestation.OpenSeal(bundle, s.believed(), environment(name), e.reference); err != nil {
		return nil, nil //nolint:nilerr // It is of another repository or by an older key; it will be replaced.
	}
	return bundle, nil
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
