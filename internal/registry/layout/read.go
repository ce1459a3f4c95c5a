// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// Document implements registry.Fetcher.
func (l *Layout) Document(_ context.Context, reference image.Reference) (image.Document, error) {
	if document, found := l.documents[reference.Digest]; found {
		return document, nil
	}
	raw, err := l.readFile(blobFile(reference.Digest), image.MaxDocumentSize)
	if err != nil {
		return image.Document{}, missing(reference.Digest, err)
	}
	document, err := parse(raw)
	if err != nil {
		return image.Document{}, registry.NewError(registry.KindUnsupported, err, "%v", err)
	}
	if document.Digest != reference.Digest {
		return image.Document{}, mismatch(reference.Digest)
	}
	return document, nil
}

// parse takes a document for a manifest or an index when it does not say itself which it is: the specification leaves that to
// what refers to it.
func parse(raw []byte) (image.Document, error) {
	document, err := image.ParseDocument("", raw)
	for _, mediaType := range []string{image.MediaTypeManifest, image.MediaTypeIndex} {
		if !errors.Is(err, image.ErrUnsupported) {
			break
		}
		if other, otherErr := image.ParseDocument(mediaType, raw); otherErr == nil {
			return other, nil
		}
	}
	return document, err
}

// Blob implements registry.Fetcher.
func (l *Layout) Blob(ctx context.Context, _ image.Repository, descriptor image.Descriptor) (io.ReadCloser, error) {
	name, found := l.blobs[descriptor.Digest]
	if !found {
		name = blobFile(descriptor.Digest)
	}
	content, size, err := l.files.open(name)
	if err != nil {
		return nil, missing(descriptor.Digest, err)
	}
	if size != descriptor.Size {
		_ = content.Close()
		return nil, mismatch(descriptor.Digest)
	}
	b := &blob{content: content, want: descriptor, hash: sha256.New()}
	b.stop = context.AfterFunc(ctx, func() { _ = content.Close() })
	return b, nil
}

// Referrers implements registry.ReferrerLister: of the manifests that the layout lists, those that name the digest as their subject.
func (l *Layout) Referrers(ctx context.Context, reference image.Reference) ([]image.Descriptor, error) {
	var referrers []image.Descriptor
	for _, e := range l.entries {
		document, err := l.Document(ctx, image.Reference{Repository: reference.Repository, Digest: e.descriptor.Digest})
		if err != nil {
			return nil, err
		}
		if m := document.Manifest; m != nil && m.Subject != nil && m.Subject.Digest == reference.Digest {
			referrers = append(referrers, e.descriptor)
		}
	}
	return referrers, nil
}

func blobFile(digest image.Digest) string { return "blobs/sha256/" + digest.Hex() }

func missing(digest image.Digest, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return registry.NewError(registry.KindNotFound, err, "the image layout lacks %s", digest)
	}
	return registry.NewError(registry.KindUnavailable, err, "the image layout cannot be read: %v", err)
}

func mismatch(digest image.Digest) error {
	return registry.NewError(registry.KindDigestMismatch, nil, "the image layout holds other content under %s: it is damaged", digest)
}

// readFile reads a file of at most limit bytes.
func (l *Layout) readFile(name string, limit int64) ([]byte, error) {
	file, size, err := l.files.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if size > limit {
		return nil, fmt.Errorf("%w: %s has %d bytes, at most %d are taken", image.ErrOverLimit, name, size, limit)
	}
	return io.ReadAll(io.LimitReader(file, limit))
}

// blob reads content and fails at its end when it does not have its digest.
type blob struct {
	content io.ReadCloser
	want    image.Descriptor
	hash    hash.Hash
	stop    func() bool
}

// Read implements io.Reader.
func (b *blob) Read(p []byte) (int, error) {
	n, err := b.content.Read(p)
	_, _ = b.hash.Write(p[:n]) // never fails
	if errors.Is(err, io.EOF) && image.DigestFromSum([sha256.Size]byte(b.hash.Sum(nil))) != b.want.Digest {
		return 0, mismatch(b.want.Digest)
	}
	return n, err
}

// Close implements io.Closer.
func (b *blob) Close() error {
	b.stop()
	return b.content.Close()
}
