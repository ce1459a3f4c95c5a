// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image

import (
	"cmp"
	"fmt"
)

// MaxReferrers bounds how many manifests a list of referrers may name. Whoever may push to a repository may lengthen it.
const MaxReferrers = 1024

// ParseReferrers parses a list of referrers, which is an index of up to MaxReferrers manifests, as strictly as ParseDocument. What one
// referrer's author wrote must not hide the others: with an error the document is an index of those that could be read, or the zero
// Document. The error wraps ErrMalformed, ErrUnsupported or ErrOverLimit.
func ParseReferrers(contentType string, raw []byte) (Document, error) {
	mediaType, fields, err := documentFields(contentType, raw)
	switch {
	case err != nil:
		return Document{}, err
	case mediaType != MediaTypeIndex && mediaType != MediaTypeDockerList:
		return Document{}, fmt.Errorf("%w: the list of referrers is no index", ErrUnsupported)
	case fields["manifests"] == nil:
		return Document{}, fmt.Errorf("%w manifest: manifests is missing", ErrMalformed)
	}
	index := &Index{MediaType: mediaType}
	listed, first := elements(fields["manifests"], MaxReferrers)
	for i, element := range listed {
		descriptor, err := parseDescriptor(element)
		if err != nil {
			first = cmp.Or(first, fmt.Errorf("%d: %w", i, err))
			continue
		}
		index.Manifests = append(index.Manifests, descriptor)
	}
	if index.Subject, index.Annotations, err = parseRelations(fields); err != nil {
		return Document{}, fmt.Errorf("manifest: %w", err)
	}
	document := Document{Raw: raw, Digest: DigestOf(raw), Index: index}
	if first != nil {
		return document, fmt.Errorf("manifest: manifests: %w", first)
	}
	return document, nil
}
