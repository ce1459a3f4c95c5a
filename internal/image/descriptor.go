// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image

import (
	"encoding/json"
	"fmt"
	"regexp"
)

// maxContentSize bounds what a descriptor may state, in bytes. A sum over all descriptors of a document cannot overflow.
const maxContentSize = 64 << 30

const maxMediaTypeLength = 255

// digestAnnotations hold digests that container runtimes parse. containerd dies of a malformed one in the first
// (CVE-2026-95839), so that an image with one is refused whoever may have put it there.
var digestAnnotations = []string{"io.containerd.manifest.subject", "vnd.docker.reference.digest"}

// platformWord is what the parts of a platform consist of, as a status takes them. Anything else would end up in tables and messages.
var platformWord = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,31}$`)

func parseDescriptors(raw json.RawMessage, limit int) ([]Descriptor, error) {
	list, err := elements(raw, limit)
	if err != nil {
		return nil, err
	}
	result := make([]Descriptor, 0, len(list))
	for i, element := range list {
		descriptor, err := parseDescriptor(element)
		if err != nil {
			return nil, fmt.Errorf("%d: %w", i, err)
		}
		result = append(result, descriptor)
	}
	return result, nil
}

func parseDescriptor(raw json.RawMessage) (Descriptor, error) {
	fields, err := members(raw, "mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType")
	if err != nil {
		return Descriptor{}, err
	}
	var d Descriptor
	if d.MediaType, err = parseMediaType(fields["mediaType"]); err != nil {
		return Descriptor{}, fmt.Errorf("mediaType: %w", err)
	}
	if d.MediaType == "" {
		return Descriptor{}, fmt.Errorf("%w: mediaType is missing", ErrMalformed)
	}
	if d.ArtifactType, err = parseMediaType(fields["artifactType"]); err != nil {
		return Descriptor{}, fmt.Errorf("artifactType: %w", err)
	}
	digest, err := text(fields["digest"])
	if err != nil {
		return Descriptor{}, fmt.Errorf("digest: %w", err)
	}
	if d.Digest, err = ParseDigest(digest); err != nil {
		return Descriptor{}, err
	}
	if d.Size, err = parseSize(fields["size"]); err != nil {
		return Descriptor{}, fmt.Errorf("size: %w", err)
	}
	if d.Annotations, err = parseAnnotations(fields["annotations"]); err != nil {
		return Descriptor{}, err
	}
	if d.Platform, err = parseChildPlatform(fields["platform"]); err != nil {
		return Descriptor{}, fmt.Errorf("platform: %w", err)
	}
	return d, nil
}

func parseSize(raw json.RawMessage) (int64, error) {
	if isNull(raw) {
		return 0, fmt.Errorf("%w: missing", ErrMalformed)
	}
	size, err := integer(raw)
	switch {
	case err != nil:
		return 0, err
	case size < 0:
		return 0, fmt.Errorf("%w: negative", ErrMalformed)
	case size > maxContentSize:
		return 0, fmt.Errorf("%w: more than %d bytes", ErrOverLimit, int64(maxContentSize))
	}
	return size, nil
}

// parseMediaType reads a media type as it stands: printable and bounded. Sigstore's have parameters.
func parseMediaType(raw json.RawMessage) (string, error) {
	s, err := text(raw)
	if err != nil {
		return "", err
	}
	if len(s) > maxMediaTypeLength {
		return "", fmt.Errorf("%w: longer than %d characters", ErrMalformed, maxMediaTypeLength)
	}
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return "", fmt.Errorf("%w: not printable", ErrMalformed)
		}
	}
	return s, nil
}

func parseAnnotations(raw json.RawMessage) (map[string]string, error) {
	annotations, err := texts(raw, maxAnnotations)
	if err != nil {
		return nil, fmt.Errorf("annotations: %w", err)
	}
	for _, name := range digestAnnotations {
		if value, there := annotations[name]; there {
			if _, err := ParseDigest(value); err != nil {
				return nil, fmt.Errorf("annotations: %s: %w", name, err)
			}
		}
	}
	return annotations, nil
}

func parseChildPlatform(raw json.RawMessage) (*Platform, error) {
	if isNull(raw) {
		return nil, nil
	}
	fields, err := members(raw, "os", "architecture", "variant", "os.version", "os.features", "features")
	if err != nil {
		return nil, err
	}
	p, err := platformOf(fields)
	return &p, err
}

// platformOf reads the parts of a platform, each of which may be missing.
func platformOf(fields map[string]json.RawMessage) (Platform, error) {
	var parts [3]string
	for i, name := range []string{"os", "architecture", "variant"} {
		value, err := text(fields[name])
		if err != nil {
			return Platform{}, fmt.Errorf("%s: %w", name, err)
		}
		if value != "" && !platformWord.MatchString(value) {
			return Platform{}, fmt.Errorf("%w: %s is %.80q, want at most 32 lower-case letters, digits, dots, dashes and underscores", ErrMalformed, name, value)
		}
		parts[i] = value
	}
	return Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}, nil
}
