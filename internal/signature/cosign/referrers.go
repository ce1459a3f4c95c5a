// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
)

const (
	// bundleMediaType begins the media types of Sigstore bundles of all versions; the bundle itself says which it is.
	bundleMediaType = "application/vnd.dev.sigstore.bundle"
	// predicateAnnotation of a referrer says what the bundle in it attests. It is a hint and no more: cosign attest with a
	// signing configuration writes the wrong one.
	predicateAnnotation = "dev.sigstore.bundle.predicateType"
)

var bundled = &form{
	noun: "bundle", limit: maxBundleSize,
	read:  func(content []byte, _ map[string]string) (entity.Entity, error) { return entity.FromBundle(content) },
	claim: (*look).claimOfBundle,
}

// referrers lists those of a manifest that may hold something wanted, whatever artifact type they claim.
func (l *look) referrers(ctx context.Context, manifest image.Digest) []image.Descriptor {
	var listed []image.Descriptor
	err := guard(func() (err error) {
		listed, err = l.reader.Referrers(ctx, image.Reference{Repository: l.repository, Digest: manifest})
		return err
	})
	if err != nil && !registry.IsKind(err, registry.KindNotFound) {
		l.hinder(err) // what was listed ahead of the error counts
	}
	return slices.DeleteFunc(slices.Clone(listed), func(d image.Descriptor) bool { return !l.promises(d.Annotations[predicateAnnotation]) })
}

// bundles lists the bundles among the referrers of the image and, where attestations are wanted, of its platforms. The most promising
// referrers are opened first.
func (l *look) bundles(ctx context.Context) []candidate {
	var referrers []image.Descriptor
	for _, manifest := range l.manifests() {
		referrers = append(referrers, l.referrers(ctx, manifest)...)
	}
	slices.SortStableFunc(referrers, func(a, b image.Descriptor) int { return cmp.Compare(doubt(a), doubt(b)) })
	var candidates []candidate
	opened := map[image.Digest]bool{}
	for _, referrer := range referrers {
		if opened[referrer.Digest] {
			continue
		}
		if len(opened) == maxReferrers {
			if doubt(referrer) < otherwise {
				l.hinder(registry.NewError(registry.KindOverLimit, nil, "%s has more than %d referrers that may be signatures; only the first were looked at: remove those that nobody needs",
					l.digest, maxReferrers))
			}
			break
		}
		opened[referrer.Digest] = true
		candidates = append(candidates, l.bundlesOf(ctx, referrer.Digest)...)
	}
	return candidates
}

// otherwise is the doubt about a referrer that says that it holds something else than a bundle.
const otherwise = 3

// doubt orders referrers: it is the smaller, the more they say that they hold something wanted. Registries report the type of an
// artifact's configuration as that of the artifact, so that types of those say nothing.
func doubt(d image.Descriptor) int {
	switch {
	case d.Annotations[predicateAnnotation] != "":
		return 0
	case strings.HasPrefix(d.ArtifactType, bundleMediaType):
		return 1
	case d.ArtifactType == "", d.ArtifactType == image.MediaTypeEmpty, strings.HasSuffix(d.ArtifactType, ".config.v1+json"):
		return 2
	}
	return otherwise
}

// bundlesOf lists the bundles in a referrer, with the referrer's own hint of what they are.
func (l *look) bundlesOf(ctx context.Context, referrer image.Digest) []candidate {
	var document image.Document
	err := guard(func() (err error) {
		document, err = l.reader.Document(ctx, image.Reference{Repository: l.repository, Digest: referrer})
		return err
	})
	switch {
	case registry.IsKind(err, registry.KindNotFound), registry.IsKind(err, registry.KindUnsupported):
		return nil // gone, or of a kind that nothing signed is
	case err != nil:
		l.hinder(err)
		return nil
	case document.Manifest == nil || !l.promises(document.Manifest.Annotations[predicateAnnotation]):
		return nil
	}
	var candidates []candidate
	for _, layer := range document.Manifest.Layers {
		if strings.HasPrefix(layer.MediaType, bundleMediaType) {
			candidates = append(candidates, candidate{
				digest: layer.Digest, size: layer.Size, hint: document.Manifest.Annotations[predicateAnnotation], form: bundled,
			})
		}
	}
	return candidates
}
