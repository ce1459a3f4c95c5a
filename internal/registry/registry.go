// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package registry is the port to OCI registries. Every byte that comes through it is bounded and, where a digest was
// asked for, has that digest. An adaptor stands in registry/oci.
package registry

import (
	"context"
	"io"

	"github.com/assay-dev/assay/internal/image"
)

// Resolver finds out what a tag names.
type Resolver interface {
	// Resolve fetches what the tag names now, with one request for the tag. From here on only the digest is used.
	Resolve(ctx context.Context, tag image.Tag) (image.Document, error)
}

// Fetcher reads content by digest.
type Fetcher interface {
	// Document fetches a manifest or index, hashes it and parses it.
	Document(ctx context.Context, reference image.Reference) (image.Document, error)
	// Blob opens a blob. The reader fails with a KindDigestMismatch error at its end when the content does not have the
	// digest or the size that descriptor states, and reads no byte beyond that size.
	Blob(ctx context.Context, repository image.Repository, descriptor image.Descriptor) (io.ReadCloser, error)
}

// ReferrerLister lists what refers to a digest.
type ReferrerLister interface {
	// Referrers lists the manifests that have the digest as their subject, through the referrers API or the fallback tag.
	// An empty list means that the registry answered that there are none. With an error, such as KindOverLimit, the list has what
	// was listed before it, which is never all.
	Referrers(ctx context.Context, reference image.Reference) ([]image.Descriptor, error)
}

// Reader reads from registries with one set of credentials.
type Reader interface {
	Resolver
	Fetcher
	ReferrerLister
}

// Artifact is a document that is attached to an image as a referrer, or put or listed under a tag.
type Artifact struct {
	// MediaType of the content, which is also the artifact's type.
	MediaType string
	Content   []byte
	// Annotations of the artifact's manifest, or of the layer that it is in a list. They hold no time, so that the same artifact has the same digest.
	Annotations map[string]string
}

// Attacher writes to registries with Assay's own credentials.
type Attacher interface {
	// Attach makes the artifact a referrer of the subject and returns the digest of its manifest. It writes nothing that
	// is already there. subject states the size and media type of the manifest that is referred to.
	Attach(ctx context.Context, repository image.Repository, subject image.Descriptor, artifact Artifact) (image.Digest, error)
}

// Putter writes documents under tags with Assay's own credentials.
type Putter interface {
	// PutTagged makes the tag name the artifact, whatever it named before, and returns the digest of its manifest. It has no
	// subject, so that no list of referrers grows. It writes nothing when the tag names the artifact already. Of two who
	// write one tag the later one wins.
	PutTagged(ctx context.Context, tag image.Tag, artifact Artifact) (image.Digest, error)
}

// Appender adds documents to lists under tags with Assay's own credentials, the way signatures stand under sha256-<hex>.sig.
type Appender interface {
	// Append makes the artifact a layer, with its annotations, of the manifest that the tag names, and returns the manifest's digest. What
	// others put there stays, and where there is nothing, the list begins with it. It writes nothing when a layer has the same content and
	// these annotations already. The error is KindUnsupported when the tag names something else than a list, and KindOverLimit when the
	// list is full.
	Append(ctx context.Context, tag image.Tag, artifact Artifact) (image.Digest, error)
}

// Writer writes to registries with one set of credentials.
type Writer interface {
	Attacher
	Putter
	Appender
}

// Credentials are what one TrustedImage's namespace gave to read a repository with. The zero value is anonymous.
type Credentials struct {
	// DockerConfigs are the contents of Docker config files (auths by host), in the order they are tried.
	DockerConfigs [][]byte
	// CertificateAuthorities is a PEM bundle to trust for the registry beside the system's.
	CertificateAuthorities []byte
}

// Provider gives a Reader for credentials. Readers for equal credentials share connections and tokens.
type Provider interface {
	Reader(credentials Credentials) (Reader, error)
}
