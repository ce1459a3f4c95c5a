// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"net/http"
	"net/url"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// upload puts a blob into the repository unless it is there.
func (a *attacher) upload(ctx context.Context, repository image.Repository, content []byte) error {
	digest := image.DigestOf(content).String()
	if there, err := a.has(ctx, repository, "blobs/"+digest); err != nil || there {
		return err
	}
	begun, err := a.do(ctx, &request{repository: repository, method: http.MethodPost, resource: "blobs/uploads/"}, http.StatusAccepted)
	if err != nil {
		return err
	}
	location, err := uploadLocation(repository, begun)
	if err != nil {
		return err
	}
	query := location.Query()
	query.Set("digest", digest)
	location.RawQuery = query.Encode()
	_, err = a.do(ctx, &request{
		repository: repository, method: http.MethodPut, location: location,
		header: http.Header{"Content-Type": {"application/octet-stream"}}, body: content,
	}, http.StatusCreated)
	return err
}

// uploadLocation reads where an upload is to be sent: to the registry itself, since the credentials go with it.
func uploadLocation(repository image.Repository, begun answer) (*url.URL, error) {
	header := begun.header.Get("Location")
	location, err := begun.from.Parse(header)
	if err != nil || header == "" || !sameOrigin(location, begun.from) || location.User != nil {
		return nil, failure(registry.KindUnsupported, nil, "registry %s sends uploads to another place, where Assay does not follow", repository.Host())
	}
	return location, nil
}
