// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fake is a registry in memory, for tests of what stands on the registry ports.
package fake

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// Registry holds the repositories of any number of hosts. It is a registry.Provider, the Reader that it provides whatever
// the credentials, and a registry.Writer. The zero value is empty and ready.
type Registry struct {
	mu        sync.Mutex
	err       error
	calls     []string
	tags      map[image.Tag]image.Digest
	documents map[image.Reference]image.Document
	blobs     map[image.Reference][]byte
}

var (
	_ registry.Provider = (*Registry)(nil)
	_ registry.Reader   = (*Registry)(nil)
	_ registry.Writer   = (*Registry)(nil)
)

// Put stores a manifest or index and returns it parsed.
func (r *Registry) Put(repository image.Repository, mediaType string, raw []byte) (image.Document, error) {
	document, err := image.ParseDocument(mediaType, raw)
	if err != nil {
		return image.Document{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.documents == nil {
		r.documents = map[image.Reference]image.Document{}
	}
	r.documents[image.Reference{Repository: repository, Digest: document.Digest}] = document
	return document, nil
}

// PutBlob stores a blob and describes it.
func (r *Registry) PutBlob(repository image.Repository, mediaType string, content []byte) image.Descriptor {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.blobs == nil {
		r.blobs = map[image.Reference][]byte{}
	}
	digest := image.DigestOf(content)
	r.blobs[image.Reference{Repository: repository, Digest: digest}] = bytes.Clone(content)
	return image.Descriptor{MediaType: mediaType, Digest: digest, Size: int64(len(content))}
}

// Tag makes the tag name a digest, from now on.
func (r *Registry) Tag(tag image.Tag, digest image.Digest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tags == nil {
		r.tags = map[image.Tag]image.Digest{}
	}
	r.tags[tag] = digest
}

// Fail makes every call of a port fail with err from now on; nil ends that.
func (r *Registry) Fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// Calls lists the calls of the ports so far, each as its method and what it was asked for.
func (r *Registry) Calls() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// Reader implements registry.Provider.
func (r *Registry) Reader(registry.Credentials) (registry.Reader, error) { return r, nil }

// Resolve implements registry.Resolver.
func (r *Registry) Resolve(ctx context.Context, tag image.Tag) (image.Document, error) {
	if err := r.begin(ctx, "Resolve "+tag.String()); err != nil {
		return image.Document{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	document, there := r.documents[image.Reference{Repository: tag.Repository, Digest: r.tags[tag]}]
	if !there {
		return image.Document{}, notFound(tag.String())
	}
	return document, nil
}

// Document implements registry.Fetcher.
func (r *Registry) Document(ctx context.Context, reference image.Reference) (image.Document, error) {
	if err := r.begin(ctx, "Document "+reference.String()); err != nil {
		return image.Document{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	document, there := r.documents[reference]
	if !there {
		return image.Document{}, notFound(reference.String())
	}
	return document, nil
}

// Blob implements registry.Fetcher.
func (r *Registry) Blob(ctx context.Context, repository image.Repository, descriptor image.Descriptor) (io.ReadCloser, error) {
	reference := image.Reference{Repository: repository, Digest: descriptor.Digest}
	if err := r.begin(ctx, "Blob "+reference.String()); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	content, there := r.blobs[reference]
	switch {
	case !there:
		return nil, notFound(reference.String())
	case int64(len(content)) != descriptor.Size:
		return nil, registry.NewError(registry.KindDigestMismatch, nil, "%s has another size", reference)
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

// Referrers implements registry.ReferrerLister. The list is sorted by digest.
func (r *Registry) Referrers(ctx context.Context, reference image.Reference) ([]image.Descriptor, error) {
	if err := r.begin(ctx, "Referrers "+reference.String()); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []image.Descriptor
	for at, document := range r.documents {
		m := document.Manifest
		if at.Repository == reference.Repository && m != nil && m.Subject != nil && m.Subject.Digest == reference.Digest {
			list = append(list, image.Descriptor{
				MediaType: m.MediaType, Digest: at.Digest, Size: int64(len(document.Raw)), ArtifactType: m.ArtifactType, Annotations: m.Annotations,
			})
		}
	}
	slices.SortFunc(list, func(a, b image.Descriptor) int { return cmp.Compare(a.Digest.Hex(), b.Digest.Hex()) })
	return list, nil
}

// Attach implements registry.Attacher.
func (r *Registry) Attach(ctx context.Context, repository image.Repository, subject image.Descriptor, artifact registry.Artifact) (image.Digest, error) {
	if err := r.begin(ctx, "Attach "+(image.Reference{Repository: repository, Digest: subject.Digest}).String()); err != nil {
		return image.Digest{}, err
	}
	return r.putArtifact(repository, artifact, map[string]any{"subject": wire(subject)})
}

// PutTagged implements registry.Putter.
func (r *Registry) PutTagged(ctx context.Context, tag image.Tag, artifact registry.Artifact) (image.Digest, error) {
	if err := r.begin(ctx, "PutTagged "+tag.String()); err != nil {
		return image.Digest{}, err
	}
	digest, err := r.putArtifact(tag.Repository, artifact, map[string]any{})
	if err != nil {
		return image.Digest{}, err
	}
	r.Tag(tag, digest)
	return digest, nil
}

// Append implements registry.Appender. Its lists have no configuration to speak of.
func (r *Registry) Append(ctx context.Context, tag image.Tag, artifact registry.Artifact) (image.Digest, error) {
	if err := r.begin(ctx, "Append "+tag.String()); err != nil {
		return image.Digest{}, err
	}
	added := r.PutBlob(tag.Repository, artifact.MediaType, artifact.Content)
	added.Annotations = artifact.Annotations
	r.mu.Lock()
	listed := r.documents[image.Reference{Repository: tag.Repository, Digest: r.tags[tag]}]
	r.mu.Unlock()
	var layers []any
	if listed.Manifest != nil {
		for _, layer := range listed.Manifest.Layers {
			if layer.Digest == added.Digest && maps.Equal(layer.Annotations, added.Annotations) {
				return listed.Digest, nil
			}
			layers = append(layers, wire(layer))
		}
	}
	raw, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": image.MediaTypeManifest,
		"config": wire(r.PutBlob(tag.Repository, image.MediaTypeEmpty, []byte("{}"))), "layers": append(layers, wire(added)),
	})
	if err != nil {
		return image.Digest{}, err
	}
	document, err := r.Put(tag.Repository, image.MediaTypeManifest, raw)
	if err == nil {
		r.Tag(tag, document.Digest)
	}
	return document.Digest, err
}

// putArtifact stores an artifact whose manifest has these members and those of every artifact.
func (r *Registry) putArtifact(repository image.Repository, artifact registry.Artifact, members map[string]any) (image.Digest, error) {
	config := r.PutBlob(repository, image.MediaTypeEmpty, []byte("{}"))
	layer := r.PutBlob(repository, artifact.MediaType, artifact.Content)
	maps.Copy(members, map[string]any{
		"schemaVersion": 2, "mediaType": image.MediaTypeManifest, "artifactType": artifact.MediaType, "annotations": artifact.Annotations,
		"config": wire(config), "layers": []any{wire(layer)},
	})
	raw, err := json.Marshal(members)
	if err != nil {
		return image.Digest{}, err
	}
	document, err := r.Put(repository, image.MediaTypeManifest, raw)
	return document.Digest, err
}

func wire(d image.Descriptor) map[string]any {
	written := map[string]any{"mediaType": d.MediaType, "digest": d.Digest, "size": d.Size}
	if len(d.Annotations) > 0 {
		written["annotations"] = d.Annotations
	}
	return written
}

// begin notes a call and returns why it fails, if it does.
func (r *Registry) begin(ctx context.Context, call string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call)
	if r.err != nil {
		return r.err
	}
	if err := ctx.Err(); err != nil {
		return registry.NewError(registry.KindUnavailable, err, "the work was ended")
	}
	return nil
}

func notFound(what string) error {
	return registry.NewError(registry.KindNotFound, nil, "the registry does not have %s", what)
}
