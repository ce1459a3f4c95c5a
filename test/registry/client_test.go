// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	oras "oras.land/oras-go/v2/registry/remote"
)

const repository = "shop/checkout"

// client is a registry with two images in one repository, and real clients to ask for them.
type client struct {
	*testing.T
	r      *Registry
	ctx    context.Context //nolint:containedctx // a test's
	digest string          // of the image under the tag 1.8
	layer  string          // its only layer's digest
	other  string          // the digest of the other image
}

func newClient(t *testing.T, opts ...Option) client {
	t.Helper()
	c := client{T: t, r: New(t, opts...), ctx: t.Context()}
	c.other, _ = c.push("1.8")
	c.digest, c.layer = c.push("1.8")
	c.r.Forget()
	return c
}

// push makes an image of one layer and pushes it.
func (c client) push(tag string) (image, layer string) {
	c.Helper()
	img, err := random.Image(512, 1)
	if err != nil {
		c.Fatal(err)
	}
	if err := remote.Write(c.ref(tag), img, c.options()...); err != nil {
		c.Fatalf("push: %v", err)
	}
	m, err := img.Manifest()
	if err != nil {
		c.Fatal(err)
	}
	d, err := img.Digest()
	if err != nil {
		c.Fatal(err)
	}
	return d.String(), m.Layers[0].Digest.String()
}

// ref is a reference by tag or by digest.
func (c client) ref(reference string) name.Reference {
	c.Helper()
	sep := ":"
	if strings.Contains(reference, ":") {
		sep = "@"
	}
	ref, err := name.ParseReference(c.r.Host() + "/" + repository + sep + reference)
	if err != nil {
		c.Fatal(err)
	}
	return ref
}

func (c client) options(more ...remote.Option) []remote.Option {
	return append([]remote.Option{
		remote.WithContext(c.ctx),
		remote.WithTransport(c.r.Transport()),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}),
		remote.WithRetryStatusCodes(),
	}, more...)
}

// pull fetches an image by reference, reads every byte of it; the client checks digests.
func (c client) pull(reference string, more ...remote.Option) (*remote.Descriptor, error) {
	c.Helper()
	d, err := remote.Get(c.ref(reference), c.options(more...)...)
	if err != nil {
		return nil, err
	}
	img, err := d.Image()
	if err != nil {
		return d, err
	}
	if _, err := img.RawConfigFile(); err != nil {
		return d, err
	}
	layers, err := img.Layers()
	if err != nil {
		return d, err
	}
	for _, layer := range layers {
		if err := drain(layer); err != nil {
			return d, err
		}
	}
	return d, nil
}

func drain(layer v1.Layer) error {
	rc, err := layer.Compressed()
	if err != nil {
		return err
	}
	defer rc.Close()
	_, err = io.Copy(io.Discard, rc)
	return err
}

// get is a plain HTTP client, for what a careful client would not let a test see.
func (c client) get(path string) (*http.Response, []byte, error) {
	c.Helper()
	req, err := http.NewRequestWithContext(c.ctx, http.MethodGet, c.r.URL()+path, nil)
	if err != nil {
		c.Fatal(err)
	}
	resp, err := c.r.Transport().RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

var errEnough = errors.New("the list did not end")

// paging is a client that follows the pages of lists.
func (c client) paging() *oras.Repository {
	c.Helper()
	repo, err := oras.NewRepository(c.r.Host() + "/" + repository)
	if err != nil {
		c.Fatal(err)
	}
	repo.PlainHTTP = true
	return repo
}

// listReferrers counts referrers and gives up beyond a limit.
func (c client) listReferrers(limit int) (n int, err error) {
	c.Helper()
	subject := ocispec.Descriptor{MediaType: string(types.OCIManifestSchema1), Digest: digest.Digest(c.digest), Size: 1}
	err = c.paging().Referrers(c.ctx, subject, "", func(page []ocispec.Descriptor) error {
		if n += len(page); n > limit {
			return errEnough
		}
		return nil
	})
	return n, err
}

// attach pushes a referrer of the image under the tag 1.8.
func (c client) attach() {
	c.Helper()
	subject, err := remote.Head(c.ref(c.digest), c.options()...)
	if err != nil {
		c.Fatal(err)
	}
	img, err := random.Image(16, 1)
	if err != nil {
		c.Fatal(err)
	}
	referrer := withSubject(img, *subject)
	h, err := referrer.Digest()
	if err != nil {
		c.Fatal(err)
	}
	if err := remote.Write(c.ref(h.String()), referrer, c.options()...); err != nil {
		c.Fatalf("attach: %v", err)
	}
}

func statusOf(err error) int {
	var e *transport.Error
	if errors.As(err, &e) {
		return e.StatusCode
	}
	return 0
}
