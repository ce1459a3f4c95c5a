// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
	"path/filepath"
	"time"

	"github.com/assay-dev/assay/cmd/internal/assembly"
	"github.com/assay-dev/assay/controllers/intelligence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature/publicgood"
)

const (
	// sigstoreRoot is the feed that keeps the trust root of the public Sigstore.
	sigstoreRoot = "sigstore-trust-root"
	// trustRootInterval is how often it is looked for: keys of logs and authorities change every few months.
	trustRootInterval = 24 * time.Hour
	// trustRootTimeout bounds one request.
	trustRootTimeout = time.Minute
)

// trustRoot is the trust root of the public Sigstore as it is published.
type trustRoot struct{ *publicgood.Keeper }

var _ intelligence.Database = trustRoot{}

// Load implements intelligence.Database: what is kept is read when it is asked for.
func (trustRoot) Load(context.Context) error { return nil }

// Version names the trust root by its content.
func (r trustRoot) Version() string { return image.DigestOf(r.Current()).String() }

// UpdatedAt is not known: a trust root bears no date.
func (trustRoot) UpdatedAt() time.Time { return time.Time{} }

// publicRoot returns the trust root of the public Sigstore: the one that Assay was built with unless it may ask for a newer one.
func publicRoot(o options) (current func() []byte, refreshed []intelligence.Schedule) {
	if !o.sigstoreTUF {
		return assembly.PublicRoot, nil
	}
	kept := trustRoot{&publicgood.Keeper{Folder: filepath.Join(o.dataDir, sigstoreRoot), Client: &http.Client{Timeout: trustRootTimeout}}}
	return kept.Current, []intelligence.Schedule{{Name: sigstoreRoot, Feed: intelligence.Whole(kept), Every: trustRootInterval}}
}
