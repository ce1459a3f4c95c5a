// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package chronicle

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/assay-dev/assay/internal/attestation"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
)

const (
	// maxCopySize bounds a copy that is read, in bytes.
	maxCopySize = 8 << 20
	// rewriteAfter is how long a copy stays that lacks nothing that was first seen after it was made.
	rewriteAfter = 24 * time.Hour
	// refusedFor is how long a registry that may not be written is not asked again.
	refusedFor = 12 * time.Hour
)

// Copies keeps durable copies of the chronicle in registries: for each digest a small document with the times of its findings, signed
// with the seal key, under the tag sha256-<digest>.chronicle, which is written over. Its fields are set once; it is safe for
// concurrent use.
type Copies struct {
	Chronicle *Chronicle
	// Signer has the seal key.
	Signer signature.Signer
	// Retired are seal keys of before, whose copies are still believed.
	Retired []signature.Key
	// Repository that has the copies of all images; zero for each image's own.
	Repository image.Repository

	mu      sync.Mutex
	refused map[place]refusal
}

// refusal is why a copy could not be written, and until when nobody tries again.
type refusal struct {
	err   error
	until time.Time
}

// Restore takes in the copy of a digest's times unless the digest is known already, so that a disk that was lost starts no grace
// again. It is called before the image is judged. Without a copy, or with one that is not Assay's, the digest is new. The error says that
// nobody could look, or that the disk could not be written; then nothing is known of the digest. earlier has the vulnerabilities
// that were first seen earlier than was thought, in whatever images they are.
func (c *Copies) Restore(ctx context.Context, reader registry.TaggedReader, about image.Reference) (earlier map[string]struct{}, err error) {
	at := c.place(about)
	if c.Chronicle.knows(at) {
		return nil, nil
	}
	content, err := c.read(ctx, reader, about)
	if err != nil {
		return nil, fmt.Errorf("read the first-seen times of %s: %w", about, err)
	}
	stored, written := c.open(ctx, content, about)
	if earlier, err = c.Chronicle.Merge(ctx, stored.Entries); err != nil {
		return nil, err
	}
	return earlier, c.Chronicle.arrive(ctx, at, stored.FirstSeen, written)
}

// read returns what stands where the copy should be, nothing when there is nothing or what cannot be a copy.
func (c *Copies) read(ctx context.Context, reader registry.TaggedReader, about image.Reference) ([]byte, error) {
	content, err := registry.ReadTagged(ctx, reader, c.tag(about), attestation.BundleMediaType, maxCopySize)
	switch {
	case registry.IsKind(err, registry.KindNotFound):
		return nil, nil
	case registry.IsKind(err, registry.KindUnsupported), registry.IsKind(err, registry.KindOverLimit):
		leftOut(ctx, about, err)
		return nil, nil
	}
	return content, err
}

// open returns the document in a copy and what is known of the copy itself: nothing when an older key signed it, so that it is
// written anew.
func (c *Copies) open(ctx context.Context, content []byte, about image.Reference) (document, copied) {
	if content == nil {
		return document{}, copied{}
	}
	stored, err := open(content, []signature.Key{c.Signer.Key()}, about.Digest)
	if err == nil {
		predicate, err := stored.encode()
		if err != nil {
			return stored, copied{}
		}
		return stored, copied{hash: hashOf(predicate, c.Signer.Key()), at: c.Chronicle.clock.Now().Unix()}
	}
	if stored, err = open(content, c.Retired, about.Digest); err != nil {
		leftOut(ctx, about, err)
		return document{}, copied{}
	}
	return stored, copied{}
}

func leftOut(ctx context.Context, about image.Reference, err error) {
	logr.FromContextOrDiscard(ctx).Info("what stands where Assay keeps first-seen times is not Assay's; it is left out and written over",
		"image", about.String(), "why", err.Error())
}

// Publish writes the copy of a digest's times when it lacks some of the findings', at most once a day unless a time has become known
// since it was written. findings are those of all platforms, dated. It returns whether it wrote. An error of KindUnauthorized
// says that the registry does not let Assay write: that is to be told, and keeps nothing from going on.
func (c *Copies) Publish(ctx context.Context, putter registry.Putter, about image.Reference, findings []evidence.Finding) (wrote bool, err error) {
	at := c.place(about)
	now := c.Chronicle.clock.Now()
	c.mu.Lock()
	before := c.refused[at]
	c.mu.Unlock()
	if now.Before(before.until) {
		return false, before.err
	}
	stored := documentOf(c.Chronicle.FirstSeen(about.Digest), findings)
	predicate, err := stored.encode()
	if err != nil {
		return false, err
	}
	hash := hashOf(predicate, c.Signer.Key())
	if !c.Chronicle.isDue(at, hash, stored.latest()) {
		return false, nil
	}
	bundle, err := attestation.Attest(ctx, attestation.ByKey(c.Signer), about, attestation.PredicateChronicle, predicate)
	if err != nil {
		return false, err
	}
	_, err = putter.PutTagged(ctx, c.tag(about), attestation.Artifact(bundle, attestation.PredicateChronicle))
	if registry.IsKind(err, registry.KindUnauthorized) {
		c.refuse(at, refusal{err, now.Add(refusedFor)})
	}
	if err != nil {
		return false, err
	}
	return true, c.Chronicle.published(ctx, at, copied{hash: hash, at: now.Unix()})
}

// refuse remembers that a copy could not be written. What is over is forgotten.
func (c *Copies) refuse(at place, r refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused == nil {
		c.refused = map[place]refusal{}
	}
	for other, before := range c.refused {
		if !c.Chronicle.clock.Now().Before(before.until) {
			delete(c.refused, other)
		}
	}
	c.refused[at] = r
}

func (c *Copies) repository(about image.Reference) image.Repository {
	if c.Repository.IsZero() {
		return about.Repository
	}
	return c.Repository
}

func (c *Copies) place(about image.Reference) place {
	return place{about.Digest, c.repository(about).String()}
}

// tag is what a copy stands under.
func (c *Copies) tag(about image.Reference) image.Tag {
	return image.Tag{Repository: c.repository(about), Name: "sha256-" + about.Digest.Hex() + ".chronicle"}
}

// hashOf names what a copy says and the key that it is signed with.
func hashOf(predicate []byte, key signature.Key) uint64 {
	sum := sha256.Sum256(append(predicate, key.Fingerprint...))
	return binary.BigEndian.Uint64(sum[:])
}
