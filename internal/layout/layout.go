// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package layout is the port to in-toto layouts: a supply chain as its owners lay it down, against what its functionaries say that
// they did (https://github.com/in-toto/docs/blob/master/in-toto-spec.md). The adaptor stands in layout/intoto.
package layout

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/signature"
)

// The types of what a functionary signs.
const (
	// LinkV03 and LinkV1 are the predicate types of link attestations, the current one and its forerunner, which the cosign command
	// writes (in-toto/attestation, spec/predicates/link.md).
	LinkV03 = "https://in-toto.io/attestation/link/v0.3"
	LinkV1  = "https://in-toto.io/Link/v1"
	// ClassicLink and ClassicLayout are the _type of documents that are no statements: a link as the in-toto command writes it, and a
	// layout that stands for a step, a sublayout.
	ClassicLink   = "link"
	ClassicLayout = "layout"
)

// Types are the types to look for (see signature.Search).
func Types() []string { return []string{LinkV03, LinkV1, ClassicLink, ClassicLayout} }

// Layout is a signed layout and the keys of its owners, every one of whom must have signed it.
type Layout struct {
	// Document is a DSSE envelope, or in-toto's older form with signed and signatures.
	Document []byte
	Owners   []signature.Key
}

// ID names the layout: the same for the same document and owners.
func (l Layout) ID() string {
	owners := make([]string, 0, len(l.Owners))
	for _, owner := range l.Owners {
		owners = append(owners, owner.Fingerprint)
	}
	slices.Sort(owners)
	hash := sha256.New()
	hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(l.Document))))
	hash.Write(l.Document)
	hash.Write([]byte(strings.Join(slices.Compact(owners), "\n")))
	return hex.EncodeToString(hash.Sum(nil))
}

// Verifier verifies images against layouts. It contacts nothing, and keeps nothing.
type Verifier interface {
	// Functionaries are the keys by which links are to be looked for: those of the layout, and of each layout among the links that one
	// of them signed. So who wants links of sublayouts asks again with what was found, until no key is new. An error
	// says for people why the layout cannot be used.
	Functionaries(layout Layout, links []evidence.Signed) ([]signature.Key, error)
	// Verify says whether the steps of the layout were taken as it says, by links whose signatures are known to be good, and whether the
	// last of them made the image. now is compared with the layout's end.
	Verify(layout Layout, links []evidence.Signed, about image.Digest, now time.Time) evidence.LayoutResult
}
