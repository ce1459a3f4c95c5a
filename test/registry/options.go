// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
)

// Option changes how a registry is set up.
type Option func(*config)

type config struct {
	address   string
	blobDir   string
	referrers bool
	tls       bool
	scheme    scheme
	accounts  []Account
	before    func(Request)
	after     func(Request)
}

// WithoutReferrers switches the referrers API off: it answers 404, so that clients use the fallback tag
// (distribution-spec 1.1, "unavailable referrers API").
func WithoutReferrers() Option { return func(c *config) { c.referrers = false } }

// WithTLS serves https with a certificate for 127.0.0.1 and localhost, signed by an authority of the registry's own.
func WithTLS() Option { return func(c *config) { c.tls = true } }

// WithAddress makes it listen at host:port instead of a free port of 127.0.0.1.
func WithAddress(address string) Option { return func(c *config) { c.address = address } }

// WithBlobDir keeps blobs in files under dir instead of in memory. Manifests are always in memory.
func WithBlobDir(dir string) Option { return func(c *config) { c.blobDir = dir } }

// WithBasicAuth asks for a user and password on every request. A repository that is not the account's answers 403.
func WithBasicAuth(accounts ...Account) Option {
	return func(c *config) { c.scheme, c.accounts = basic, accounts }
}

// WithTokenAuth asks for a bearer token, which it gives out at /token against a user and password. A token that does not
// cover the request answers 401 with a new challenge.
func WithTokenAuth(accounts ...Account) Option {
	return func(c *config) { c.scheme, c.accounts = bearer, accounts }
}

// WithHooks calls before ahead of every request, and after when it has taken effect. The answer to a push is then still
// unsent, so that a test can end a client before and after each of its effects. Either may be nil.
func WithHooks(before, after func(Request)) Option {
	return func(c *config) { c.before, c.after = before, after }
}

// store makes the honest registry inside.
func (c config) store() (http.Handler, error) {
	blobs := ggcr.NewInMemoryBlobHandler()
	if c.blobDir != "" {
		if err := os.MkdirAll(c.blobDir, 0o700); err != nil {
			return nil, fmt.Errorf("make the blob folder: %w", err)
		}
		blobs = ggcr.NewDiskBlobHandler(c.blobDir)
	}
	return ggcr.New(
		ggcr.Logger(log.New(io.Discard, "", 0)),
		ggcr.WithReferrersSupport(c.referrers),
		ggcr.WithBlobHandler(blobs),
	), nil
}
