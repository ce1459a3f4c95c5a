// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// Blob implements registry.Fetcher.
func (r *reader) Blob(ctx context.Context, repository image.Repository, descriptor image.Descriptor) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	sent := &request{
		about:      about{repository: repository, what: "the blob " + descriptor.Digest.Short() + " of " + repository.Path()},
		repository: repository, method: http.MethodGet, resource: "blobs/" + descriptor.Digest.String(),
	}
	response, err := r.session.send(ctx, sent) //nolint:bodyclose // blob.Close does.
	if err != nil {
		cancel()
		return nil, err
	}
	b := &blob{
		ctx: ctx, cancel: cancel, about: sent.about, body: response.Body, want: descriptor, hash: sha256.New(),
		watch: watch{limit: r.session.options.StallTimeout, now: r.session.options.Now, expire: cancel},
	}
	switch {
	case response.StatusCode != http.StatusOK:
		err = sent.about.answered(response, r.session.options.Now())
	case descriptor.Size < 0, response.ContentLength >= 0 && response.ContentLength != descriptor.Size:
		err = b.mismatch()
	}
	if err != nil {
		_ = b.Close() // what was wrong before says more
		return nil, err
	}
	return b, nil
}

// blob reads a blob's content and refuses its last byte unless everything is what the descriptor says.
type blob struct {
	ctx    context.Context //nolint:containedctx // A stream lives as long as its request.
	cancel context.CancelFunc
	about  about
	body   io.ReadCloser
	want   image.Descriptor
	hash   hash.Hash
	read   int64
	watch  watch
	end    error // what every Read returns once it is set
}

// Read implements io.Reader.
func (b *blob) Read(p []byte) (int, error) {
	if b.end != nil || len(p) == 0 {
		return 0, b.end
	}
	if left := b.want.Size - b.read; int64(len(p)) > left {
		p = p[:left]
	}
	var n int
	var err error
	if len(p) > 0 {
		n, err = b.watch.read(b.body, p)
		_, _ = b.hash.Write(p[:n]) // never fails
		b.read += int64(n)
	}
	switch {
	case b.read == b.want.Size:
		if b.end = b.verify(); !errors.Is(b.end, io.EOF) {
			return 0, b.end
		}
		return n, b.end
	case b.watch.expired.Load():
		b.end = failure(registry.KindUnavailable, err, "registry %s sends %s too slowly", b.about.repository.Host(), b.about.what)
	case errors.Is(err, io.EOF):
		b.end = b.mismatch()
	case err != nil:
		b.end = b.about.failed(b.ctx, err)
	}
	return n, b.end
}

// Close implements io.Closer.
func (b *blob) Close() error {
	b.cancel()
	return b.body.Close()
}

// verify returns io.EOF for the right content.
func (b *blob) verify() error {
	if image.DigestFromSum([sha256.Size]byte(b.hash.Sum(nil))) != b.want.Digest {
		return b.mismatch()
	}
	return io.EOF
}

func (b *blob) mismatch() error {
	return failure(registry.KindDigestMismatch, nil,
		"registry %s sent other content than %s: do not use the registry before this is explained", b.about.repository.Host(), b.about.what)
}

// leastProgress is how many bytes must come within the watch's limit.
const leastProgress = 64 << 10

// watch ends a stream that comes too slowly. Only the time spent waiting for the stream counts, not the reader's own.
type watch struct {
	limit   time.Duration
	now     func() time.Time
	expire  func()
	waited  time.Duration
	got     int
	timer   *time.Timer
	expired atomic.Bool
}

func (w *watch) end() {
	w.expired.Store(true)
	w.expire()
}

func (w *watch) read(from io.Reader, p []byte) (int, error) {
	start := w.now()
	if w.timer == nil {
		w.timer = time.AfterFunc(w.limit, w.end)
	} else {
		w.timer.Reset(w.limit - w.waited)
	}
	n, err := from.Read(p)
	w.timer.Stop()
	w.waited += w.now().Sub(start)
	if w.got += n; w.got >= leastProgress {
		w.waited, w.got = 0, 0
	}
	return n, err
}
