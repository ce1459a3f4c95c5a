// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package image

// The media types of the documents that Assay takes, and of the configuration of an artifact that has none (OCI image
// specification 1.1, guidelines for artifact usage).
const (
	MediaTypeManifest       = "application/vnd.oci.image.manifest.v1+json"
	MediaTypeIndex          = "application/vnd.oci.image.index.v1+json"
	MediaTypeDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	MediaTypeDockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	MediaTypeEmpty          = "application/vnd.oci.empty.v1+json"
)

// Descriptor names a piece of content and says how large it is.
type Descriptor struct {
	MediaType    string
	Digest       Digest
	Size         int64
	ArtifactType string
	Annotations  map[string]string
	// Platform is set on the children of an index that state it.
	Platform *Platform
}

// Manifest is an image manifest for one platform: Docker schema 2 or OCI.
type Manifest struct {
	MediaType    string
	ArtifactType string
	Config       Descriptor
	Layers       []Descriptor
	Subject      *Descriptor
	Annotations  map[string]string
}

// Index is a list of manifests: a Docker manifest list or an OCI index.
type Index struct {
	MediaType   string
	Manifests   []Descriptor
	Subject     *Descriptor
	Annotations map[string]string
}

// Document is a manifest or an index with the bytes that it was parsed from. Exactly one of Manifest and Index is set.
type Document struct {
	Raw      []byte
	Digest   Digest
	Manifest *Manifest
	Index    *Index
}

// MediaType of the document, one of the MediaType constants; "" for the zero Document.
func (d Document) MediaType() string {
	switch {
	case d.Manifest != nil:
		return d.Manifest.MediaType
	case d.Index != nil:
		return d.Index.MediaType
	}
	return ""
}

// Config is what an image's configuration says of how it runs.
type Config struct {
	// Platform is incomplete when the configuration leaves out the operating system or the architecture.
	Platform Platform
	// User that the first process starts as, as the image states it: name, number, or either with a group after a colon.
	User string
	// DiffIDs are the digests of the uncompressed layers, bottom first.
	DiffIDs []Digest
	Labels  map[string]string
}
