// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package attestation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
)

// What a registry may make Find read for one image.
const (
	// maxFound bounds the attestations that are looked into, on the image and its platforms together.
	maxFound = 64
	// maxFoundSize bounds one attestation in bytes, maxFoundTotal all of them.
	maxFoundSize  = 8 << 20
	maxFoundTotal = 32 << 20
	// findDeadline bounds the time.
	findDeadline = time.Minute
)

// Found is what Find found.
type Found struct {
	// Attested are the attestations that a key signed, always in the same order.
	Attested []Attested
	// Ignored is the number of attestations of the wanted types that count for nothing: none of the keys signed them, they are
	// about something else, or they are malformed.
	Ignored int
}

// Attested is an attestation that was signed by a key.
type Attested struct {
	// Manifests that it is about: the image's own digest, or else those of platforms' images.
	Manifests []image.Digest
	// PredicateType and Predicate, a JSON object.
	PredicateType string
	Predicate     []byte
	// Signers are the fingerprints of the keys that signed it, in the order of the keys.
	Signers []string

	blob image.Digest
}

// Find looks for attestations of the predicate types on the image and on each platform of an index, signed by any of the
// keys, in both forms in which the cosign command attaches them: under the tag sha256-<digest>.att and as bundles among the referrers.
// The error is a registry.Error and says that something could not be looked at, so that nobody knows what is there.
func Find(ctx context.Context, reader registry.Reader, reference image.Reference, keys []signature.Key, predicateTypes ...string) (Found, error) {
	ctx, cancel := context.WithTimeout(ctx, findDeadline)
	defer cancel()
	manifests, err := manifestsOf(ctx, reader, reference)
	if err != nil {
		return Found{}, err
	}
	s := &search{
		reader: reader, reference: reference, keys: keys, wanted: predicateTypes, manifests: manifests,
		seen: map[image.Digest]bool{}, budget: maxFoundTotal,
	}
	for _, manifest := range manifests {
		for _, look := range []func(context.Context, image.Reference) error{s.tagged, s.referring} {
			if err := look(ctx, image.Reference{Repository: reference.Repository, Digest: manifest}); err != nil {
				return Found{}, err
			}
		}
	}
	slices.SortFunc(s.found.Attested, func(a, b Attested) int { return cmp.Compare(a.blob.Hex(), b.blob.Hex()) })
	return s.found, nil
}

// manifestsOf returns the image's own digest and, of an index, those of the platforms that can run.
func manifestsOf(ctx context.Context, fetcher registry.Fetcher, reference image.Reference) ([]image.Digest, error) {
	document, err := fetcher.Document(ctx, reference)
	if err != nil {
		return nil, err
	}
	manifests := []image.Digest{reference.Digest}
	if document.Index == nil {
		return manifests, nil
	}
	platforms, err := document.Index.Runnable(nil)
	if err != nil {
		return nil, registry.NewError(registry.KindUnsupported, err, "%s: %s", reference, err)
	}
	for _, platform := range platforms {
		if !slices.Contains(manifests, platform.Digest) {
			manifests = append(manifests, platform.Digest)
		}
	}
	return manifests, nil
}

// search is one look for the attestations of one image.
type search struct {
	reader    registry.Reader
	reference image.Reference
	keys      []signature.Key
	wanted    []string
	manifests []image.Digest

	// seen has the blobs that were looked into: the same one may hang on the image and on its platforms.
	seen map[image.Digest]bool
	// budget is how many bytes may still be read.
	budget int64
	found  Found
}

// tagged looks at the attestations under the manifest's tag.
func (s *search) tagged(ctx context.Context, manifest image.Reference) error {
	tag := image.Tag{Repository: manifest.Repository, Name: "sha256-" + manifest.Digest.Hex() + ".att"}
	document, err := s.reader.Resolve(ctx, tag)
	switch {
	case registry.IsKind(err, registry.KindNotFound), registry.IsKind(err, registry.KindUnsupported):
		return nil
	case err != nil:
		return err
	case document.Manifest == nil:
		return nil // an index is no list of attestations
	}
	for _, layer := range document.Manifest.Layers {
		predicateType := layer.Annotations[tagAnnotation]
		if layer.MediaType != envelopeMediaType || !s.promises(predicateType) {
			continue
		}
		if err := s.look(ctx, layer, predicateType, openEnvelope); err != nil {
			return err
		}
	}
	return nil
}

// referring looks at the bundles among the manifest's referrers.
func (s *search) referring(ctx context.Context, manifest image.Reference) error {
	referrers, err := s.reader.Referrers(ctx, manifest)
	if err != nil && !registry.IsKind(err, registry.KindNotFound) {
		return err
	}
	opened := 0
	for _, referrer := range referrers {
		if !s.promises(referrer.Annotations[bundleAnnotation]) {
			continue
		}
		if opened++; opened > maxFound {
			return s.tooMany()
		}
		if err := s.refers(ctx, referrer); err != nil {
			return err
		}
	}
	return nil
}

// refers looks at the bundles in a referrer.
func (s *search) refers(ctx context.Context, referrer image.Descriptor) error {
	document, err := s.reader.Document(ctx, image.Reference{Repository: s.reference.Repository, Digest: referrer.Digest})
	switch {
	case registry.IsKind(err, registry.KindNotFound), registry.IsKind(err, registry.KindUnsupported):
		return nil // gone, or of a kind that no attestation is
	case err != nil:
		return err
	case document.Manifest == nil:
		return nil
	}
	predicateType := document.Manifest.Annotations[bundleAnnotation]
	for _, layer := range document.Manifest.Layers {
		if !strings.HasPrefix(layer.MediaType, bundlePrefix) || !s.promises(predicateType) {
			continue
		}
		if err := s.look(ctx, layer, predicateType, openAnyBundle); err != nil {
			return err
		}
	}
	return nil
}

// promises says that what is annotated with the predicate type may be a wanted attestation. An annotation proves nothing, but whoever
// writes one that keeps an attestation from being found, takes away an excuse at most. cosign writes the type of a
// signature on attestations, too, when it has a signing configuration.
func (s *search) promises(predicateType string) bool {
	return predicateType == "" || predicateType == signPredicate || slices.Contains(s.wanted, predicateType)
}

// look looks into one attestation that is annotated with the predicate type.
func (s *search) look(ctx context.Context, blob image.Descriptor, predicateType string, open func([]byte) (envelope, error)) error {
	if s.seen[blob.Digest] {
		return nil
	}
	if s.seen[blob.Digest] = true; len(s.seen) > maxFound {
		return s.tooMany()
	}
	content, err := s.fetch(ctx, blob)
	switch {
	case registry.IsKind(err, registry.KindNotFound):
		return nil
	case err != nil:
		return err
	}
	e, err := open(content)
	if err == nil {
		predicateType, err = s.judge(e, blob.Digest)
	}
	if err != nil && slices.Contains(s.wanted, predicateType) {
		s.found.Ignored++
	}
	return nil
}

// judge takes in what an envelope attests. The error says why it counts for nothing, if what it holds is wanted at all.
func (s *search) judge(e envelope, blob image.Digest) (predicateType string, err error) {
	c, err := readClaim(e)
	if err != nil || !slices.Contains(s.wanted, c.PredicateType) {
		return c.PredicateType, err
	}
	attested := Attested{Manifests: c.about(s.manifests), PredicateType: c.PredicateType, Predicate: c.Predicate, Signers: e.signers(s.keys), blob: blob}
	if len(attested.Signers) == 0 || len(attested.Manifests) == 0 {
		return c.PredicateType, errNoAttestation
	}
	s.found.Attested = append(s.found.Attested, attested)
	return c.PredicateType, nil
}

func (s *search) tooMany() error {
	return registry.NewError(registry.KindOverLimit, nil, "%s has more than %d attestations; remove those that nobody needs", s.reference.Digest, maxFound)
}

// fetch reads a blob within the limits.
func (s *search) fetch(ctx context.Context, blob image.Descriptor) (content []byte, err error) {
	if blob.Size > maxFoundSize {
		return nil, registry.NewError(registry.KindOverLimit, nil, "an attestation of %s has more than %d bytes", s.reference.Digest, maxFoundSize)
	}
	if s.budget -= blob.Size; s.budget < 0 {
		return nil, registry.NewError(registry.KindOverLimit, nil, "the attestations of %s have more than %d bytes together", s.reference.Digest, maxFoundTotal)
	}
	body, err := s.reader.Blob(ctx, s.reference.Repository, blob)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	if content, err = io.ReadAll(body); err != nil {
		return nil, fmt.Errorf("read an attestation of %s: %w", s.reference.Digest, err)
	}
	return content, nil
}
