// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// reader implements registry.Reader.
type reader struct{ session *session }

// acceptDocuments lists what a manifest may be. Schema 1 is not in it.
var acceptDocuments = http.Header{"Accept": {strings.Join([]string{
	image.MediaTypeIndex, image.MediaTypeManifest, image.MediaTypeDockerList, image.MediaTypeDockerManifest,
}, ", ")}}

// Resolve implements registry.Resolver.
func (r *reader) Resolve(ctx context.Context, tag image.Tag) (image.Document, error) {
	return r.document(ctx, tag.Repository, tag.Name, image.Digest{}, "the tag "+tag.Name+" of "+tag.Repository.Path())
}

// Document implements registry.Fetcher.
func (r *reader) Document(ctx context.Context, reference image.Reference) (image.Document, error) {
	what := "the manifest " + reference.Digest.Short() + " of " + reference.Repository.Path()
	return r.document(ctx, reference.Repository, reference.Digest.String(), reference.Digest, what)
}

// document fetches and parses what stands under a tag or digest. With a digest wanted, other content is refused before it is
// parsed: an error page must not pass for a document that Assay does not take. The answer's digest header is not looked at.
func (r *reader) document(ctx context.Context, repository image.Repository, name string, wanted image.Digest, what string) (image.Document, error) {
	ctx, cancel := context.WithTimeout(ctx, r.session.options.Timeout)
	defer cancel()
	sent := &request{
		about: about{repository: repository, what: what}, repository: repository,
		method: http.MethodGet, resource: "manifests/" + name, header: acceptDocuments,
	}
	response, err := r.session.send(ctx, sent)
	if err != nil {
		return image.Document{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return image.Document{}, sent.about.answered(response, r.session.options.Now())
	}
	raw, err := sent.about.readAll(ctx, response.Body, image.MaxDocumentSize)
	if err != nil {
		return image.Document{}, err
	}
	if !wanted.IsZero() && image.DigestOf(raw) != wanted {
		return image.Document{}, failure(registry.KindDigestMismatch, nil,
			"registry %s sent other content than %s: do not use the registry before this is explained", repository.Host(), what)
	}
	document, err := image.ParseDocument(response.Header.Get("Content-Type"), raw)
	if err != nil {
		return image.Document{}, sent.about.refused(err)
	}
	return document, nil
}

// readAll reads an answer of at most limit bytes.
func (a about) readAll(ctx context.Context, body io.Reader, limit int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(body, limit+1))
	switch {
	case err != nil:
		return nil, a.failed(ctx, err)
	case int64(len(raw)) > limit:
		return nil, failure(registry.KindOverLimit, nil, "registry %s sent more than %d bytes for %s", a.repository.Host(), limit, a.what)
	}
	return raw, nil
}

// refused turns an error of package image into one of the port.
func (a about) refused(err error) *registry.Error {
	kind := registry.KindUnsupported
	if errors.Is(err, image.ErrOverLimit) {
		kind = registry.KindOverLimit
	}
	return failure(kind, err, "%s in registry %s cannot be taken: %v", a.what, a.repository.Host(), err)
}
