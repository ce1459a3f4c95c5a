// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// maxArtifact bounds what is attached, in bytes.
const maxArtifact = 32 << 20

// emptyConfig is the configuration of an artifact that has none (OCI image specification 1.1).
var emptyConfig = []byte("{}")

// attacher implements registry.Writer.
type attacher struct {
	reader reader
	turns  turns
}

// wireManifest and wireDescriptor write documents; their members stand in the order of the fields.
type wireManifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        wireDescriptor    `json:"config"`
	Layers        []wireDescriptor  `json:"layers"`
	Subject       *wireDescriptor   `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

type wireDescriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       image.Digest      `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

// Attach implements registry.Attacher. The manifest is the same for the same artifact and subject, so that doing it again
// finds it there. The order is such that being killed in between leaves nothing that the next call does not complete.
func (a *attacher) Attach(ctx context.Context, repository image.Repository, subject image.Descriptor, artifact registry.Artifact) (image.Digest, error) {
	if err := checkSize(artifact); err != nil {
		return image.Digest{}, err
	}
	if subject.Digest.IsZero() || subject.Size <= 0 || subject.MediaType == "" {
		return image.Digest{}, failure(registry.KindUnsupported, nil, "an artifact is attached to a manifest of known digest, size and media type only")
	}
	manifest, err := encode(&wireDescriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size}, artifact)
	if err != nil {
		return image.Digest{}, err
	}
	entry := wireDescriptor{
		MediaType: image.MediaTypeManifest, Digest: image.DigestOf(manifest), Size: int64(len(manifest)),
		ArtifactType: artifact.MediaType, Annotations: artifact.Annotations,
	}
	reference := image.Reference{Repository: repository, Digest: subject.Digest}
	release, err := a.turns.wait(ctx, reference)
	if err != nil {
		return image.Digest{}, aboutPush(repository).failed(ctx, err)
	}
	defer release()
	listed, err := a.push(ctx, reference, entry.Digest, manifest, artifact.Content)
	if err == nil && !listed {
		err = a.list(ctx, reference, entry)
	}
	if err != nil {
		return image.Digest{}, err
	}
	return entry.Digest, nil
}

func checkSize(artifact registry.Artifact) error {
	if len(artifact.Content) > maxArtifact {
		return failure(registry.KindOverLimit, nil, "an artifact of %d bytes is not written to a registry, at most %d are taken",
			len(artifact.Content), maxArtifact)
	}
	return nil
}

// encode writes the manifest of an artifact, which has a subject or, when it is nil, stands for itself.
func encode(subject *wireDescriptor, artifact registry.Artifact) ([]byte, error) {
	manifest, err := json.Marshal(wireManifest{
		SchemaVersion: 2,
		MediaType:     image.MediaTypeManifest,
		ArtifactType:  artifact.MediaType,
		Config:        describe(image.MediaTypeEmpty, emptyConfig),
		Layers:        []wireDescriptor{describe(artifact.MediaType, artifact.Content)},
		Subject:       subject,
		Annotations:   artifact.Annotations,
	})
	if err != nil {
		return nil, failure(registry.KindUnsupported, nil, "the artifact's manifest cannot be encoded: %v", err)
	}
	return manifest, nil
}

func describe(mediaType string, content []byte) wireDescriptor {
	return wireDescriptor{MediaType: mediaType, Digest: image.DigestOf(content), Size: int64(len(content))}
}

// push makes sure that the manifest and what it names are in the registry. listed says that the registry promised to list it.
func (a *attacher) push(ctx context.Context, reference image.Reference, digest image.Digest, manifest, content []byte) (listed bool, err error) {
	there, err := a.has(ctx, reference.Repository, "manifests/"+digest.String())
	if err != nil || there {
		return false, err
	}
	pushed, err := a.put(ctx, reference.Repository, digest.String(), manifest, content)
	if err != nil {
		return false, err
	}
	// The registry says so when it took notice of the subject (OCI distribution specification 1.1, "pushing manifests with subject").
	return pushed.header.Get("OCI-Subject") == reference.Digest.String(), nil
}

// put writes the manifest under a tag or digest, after the blobs that it names.
func (a *attacher) put(ctx context.Context, repository image.Repository, name string, manifest, content []byte) (answer, error) {
	for _, blob := range [][]byte{emptyConfig, content} {
		if err := a.upload(ctx, repository, blob); err != nil {
			return answer{}, err
		}
	}
	return a.do(ctx, &request{
		repository: repository, method: http.MethodPut, resource: "manifests/" + name,
		header: http.Header{"Content-Type": {image.MediaTypeManifest}}, body: manifest,
	}, http.StatusCreated)
}

// has says whether a manifest or blob is in the repository.
func (a *attacher) has(ctx context.Context, repository image.Repository, resource string) (bool, error) {
	_, err := a.do(ctx, &request{repository: repository, method: http.MethodHead, resource: resource, header: acceptDocuments}, http.StatusOK)
	if registry.IsKind(err, registry.KindNotFound) {
		return false, nil
	}
	return err == nil, err
}

// answer is what matters of an answer to a push.
type answer struct {
	header http.Header
	from   *url.URL
}

// do sends a request that is part of a push. An answer of another status than the wanted is an error.
func (a *attacher) do(ctx context.Context, sent *request, want int) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, a.reader.session.options.Timeout)
	defer cancel()
	sent.about = aboutPush(sent.repository)
	response, err := a.reader.session.send(ctx, sent)
	if err != nil {
		return answer{}, err
	}
	defer discard(response)
	if response.StatusCode != want {
		return answer{}, sent.about.answered(response, a.reader.session.options.Now())
	}
	return answer{header: response.Header, from: response.Request.URL}, nil
}

func aboutPush(repository image.Repository) about {
	return about{repository: repository, what: "a push to " + repository.Path(), push: true}
}
