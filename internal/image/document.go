// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image

import (
	"encoding/json"
	"fmt"
	"mime"
)

// MaxDocumentSize bounds a manifest or index, in bytes. Registries must take 4 MiB (OCI distribution specification, "pushing
// manifests"), and few take more.
const MaxDocumentSize = 4 << 20

// MaxLayers bounds the layers of a manifest: as many as overlayfs stacks.
const MaxLayers = 128

const (
	maxManifests   = 64
	maxAnnotations = 64
)

// ParseDocument parses a manifest or an index that came with the given Content-Type; "" means that none was stated. It
// refuses what a container runtime could read otherwise than Assay: a member that occurs twice or in another case, both
// kinds of document in one (CVE-2021-41190), a media type that disagrees with the Content-Type, and Docker's schema 1, whose
// digest is not that of its bytes. The error wraps ErrMalformed, ErrUnsupported or ErrOverLimit.
func ParseDocument(contentType string, raw []byte) (Document, error) {
	mediaType, fields, err := documentFields(contentType, raw)
	if err != nil {
		return Document{}, err
	}
	document := Document{Raw: raw, Digest: DigestOf(raw)}
	switch mediaType {
	case MediaTypeManifest, MediaTypeDockerManifest:
		document.Manifest, err = parseManifest(mediaType, fields)
	default:
		document.Index, err = parseIndex(mediaType, fields)
	}
	if err != nil {
		return Document{}, fmt.Errorf("manifest: %w", err)
	}
	return document, nil
}

// documentFields reads the members of a document and finds out what it is.
func documentFields(contentType string, raw []byte) (mediaType string, fields map[string]json.RawMessage, err error) {
	if len(raw) > MaxDocumentSize {
		return "", nil, fmt.Errorf("%w: the manifest has more than %d bytes", ErrOverLimit, MaxDocumentSize)
	}
	fields, err = members(raw, "schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "subject",
		"annotations", "fsLayers")
	if err != nil {
		return "", nil, fmt.Errorf("manifest: %w", err)
	}
	mediaType, err = documentType(contentType, fields)
	return mediaType, fields, err
}

// documentType finds out what a document is, and that there is one answer only.
func documentType(contentType string, fields map[string]json.RawMessage) (string, error) {
	stated, _, err := mime.ParseMediaType(contentType)
	if contentType != "" && err != nil {
		return "", fmt.Errorf("%w Content-Type %.80q of the manifest", ErrMalformed, contentType)
	}
	inside, err := text(fields["mediaType"])
	if err != nil {
		return "", fmt.Errorf("manifest: mediaType: %w", err)
	}
	if err := checkVersion(fields, isSchema1(stated) || isSchema1(inside)); err != nil {
		return "", err
	}
	switch {
	case stated != "" && inside != "" && stated != inside:
		return "", fmt.Errorf("%w manifest: its mediaType is %.80q and its Content-Type %.80q", ErrMalformed, inside, stated)
	case fields["manifests"] != nil && (fields["layers"] != nil || fields["config"] != nil):
		return "", fmt.Errorf("%w manifest: both an image and an index (CVE-2021-41190)", ErrMalformed)
	}
	mediaType := inside
	if mediaType == "" {
		mediaType = stated
	}
	switch mediaType {
	case MediaTypeManifest, MediaTypeDockerManifest, MediaTypeIndex, MediaTypeDockerList:
		return mediaType, nil
	}
	return "", fmt.Errorf("%w: the media type %.80q is none of a manifest or index; push an OCI or Docker image", ErrUnsupported, mediaType)
}

// checkVersion refuses everything but schema version 2.
func checkVersion(fields map[string]json.RawMessage, schema1 bool) error {
	version, err := integer(fields["schemaVersion"])
	switch {
	case err != nil:
		return fmt.Errorf("manifest: schemaVersion: %w", err)
	case schema1 || version == 1 || fields["fsLayers"] != nil:
		return fmt.Errorf("%w: a manifest of Docker's schema 1; push the image anew with a current tool", ErrUnsupported)
	case version != 2:
		return fmt.Errorf("%w manifest: schemaVersion is %d, want 2", ErrMalformed, version)
	}
	return nil
}

func isSchema1(mediaType string) bool {
	return mediaType == "application/vnd.docker.distribution.manifest.v1+json" ||
		mediaType == "application/vnd.docker.distribution.manifest.v1+prettyjws"
}

func parseManifest(mediaType string, fields map[string]json.RawMessage) (*Manifest, error) {
	m := &Manifest{MediaType: mediaType}
	var err error
	if m.ArtifactType, err = parseMediaType(fields["artifactType"]); err != nil {
		return nil, fmt.Errorf("artifactType: %w", err)
	}
	if isNull(fields["config"]) {
		return nil, fmt.Errorf("%w: config is missing", ErrMalformed)
	}
	if m.Config, err = parseDescriptor(fields["config"]); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	if m.Layers, err = parseDescriptors(fields["layers"], MaxLayers); err != nil {
		return nil, fmt.Errorf("layers: %w", err)
	}
	for i, layer := range m.Layers {
		if isForeign(layer.MediaType) {
			return nil, fmt.Errorf("layers: %d: %w: its content is not in the registry (%s); push the image with all its layers",
				i, ErrUnsupported, layer.MediaType)
		}
	}
	m.Subject, m.Annotations, err = parseRelations(fields)
	return m, err
}

func parseIndex(mediaType string, fields map[string]json.RawMessage) (*Index, error) {
	if fields["manifests"] == nil {
		return nil, fmt.Errorf("%w: manifests is missing", ErrMalformed)
	}
	x := &Index{MediaType: mediaType}
	var err error
	if x.Manifests, err = parseDescriptors(fields["manifests"], maxManifests); err != nil {
		return nil, fmt.Errorf("manifests: %w", err)
	}
	x.Subject, x.Annotations, err = parseRelations(fields)
	return x, err
}

// parseRelations reads what manifests and indexes have in common.
func parseRelations(fields map[string]json.RawMessage) (*Descriptor, map[string]string, error) {
	annotations, err := parseAnnotations(fields["annotations"])
	if err != nil || isNull(fields["subject"]) {
		return nil, annotations, err
	}
	subject, err := parseDescriptor(fields["subject"])
	if err != nil {
		return nil, nil, fmt.Errorf("subject: %w", err)
	}
	return &subject, annotations, nil
}

// isForeign says that a layer stands at the URLs of its descriptor instead of in the registry. Assay follows no such URL.
func isForeign(mediaType string) bool {
	switch mediaType {
	case "application/vnd.docker.image.rootfs.foreign.diff.tar",
		"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd":
		return true
	}
	return false
}
