// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// Anchor is what the signature of a statement is checked against. Whether its signer may make the statement is not the anchor's to say.
// It is either a Key, or certificates that Root or Chain issue.
type Anchor struct {
	// Key that must have signed; nil when a certificate must have been issued to the signer.
	Key *Key
	// Root is a trusted_root.json (sigstore/protobuf-specs, sigstore_trustroot.proto): certificate authorities, logs and timestamp
	// authorities. Beside a Key or a Chain only its logs and timestamp authorities count.
	Root []byte
	// Chain is a certificate authority of one's own: its root certificate and, if any, intermediate ones, in PEM form. Signers' certificates
	// need no identity token behind them, and may live long.
	Chain []byte
	// Timestamps are timestamp authorities (RFC 3161) beside those of Root: their chains in PEM form, leaf first.
	Timestamps []byte
	// Logged demands an entry in one of Root's transparency logs. With a Root that has certificate transparency logs, its certificates must
	// stand in one of those, too.
	Logged bool
	// Timed demands that somebody vouches for the time of the signature. Otherwise a certificate of Chain counts while it is valid, and a
	// key at any time; certificates of Root always need a time.
	Timed bool
}

// ID names the anchor: the same for the same content.
func (a Anchor) ID() string {
	hash := sha256.New()
	write := func(field []byte) {
		hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(field))))
		hash.Write(field)
	}
	fingerprint := ""
	if a.Key != nil {
		fingerprint = a.Key.Fingerprint
	}
	write([]byte(fingerprint))
	write(a.Root)
	write(a.Chain)
	write(a.Timestamps)
	flags := []byte{0, 0}
	if a.Logged {
		flags[0] = 1
	}
	if a.Timed {
		flags[1] = 1
	}
	write(flags)
	return hex.EncodeToString(hash.Sum(nil))
}

// Search says what signed statements are looked for.
type Search struct {
	// Reference is the image.
	Reference image.Reference
	// Platforms are the manifests of an index that can run. Attestations may be attached to one of them and speak of that one alone;
	// signatures are looked for on the image itself only.
	Platforms []image.Digest
	// Anchors to check signatures against.
	Anchors []Anchor
	// PredicateTypes of the attestations that are wanted; what is something else by its own word is not fetched. Without any,
	// nobody looks for attestations.
	PredicateTypes []string
	// Links are predicate types among them of in-toto links, which may be about anything (see evidence.Signed.Manifests). A link in in-toto's own
	// form is no statement; for it the _type stands in their place.
	Links []string
}

// Found is what was found of a Search.
type Found struct {
	// Statements by the ID of the anchor; every anchor has an entry.
	Statements map[string]evidence.Statements
	// Strangers counts, by predicate type, statements over the image that verified against no anchor, are malformed, or are about
	// something else.
	Strangers map[string]int
}

// Finder finds what was signed about an image.
type Finder interface {
	// Find looks at what is attached to the image, in both forms in which the cosign command attaches it: under tags, and as
	// Sigstore bundles among the referrers. It contacts nothing but the registry.
	Find(ctx context.Context, reader registry.Reader, search Search) Found
}
