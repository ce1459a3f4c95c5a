// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign

import (
	"slices"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
)

// look is one look at what is attached to an image.
type look struct {
	reader registry.Reader
	search signature.Search
	// repository and digest of the image.
	repository image.Repository
	digest     image.Digest

	anchors []*anchor
	// unusable counts what no anchor could be tried on; why tells what is wrong with the first.
	unusable int
	why      error
	// strangers counts, by predicate type, what counts for nobody.
	strangers map[string]int
	// hindrance is the first thing that could not be looked at.
	hindrance error
	// budget is how many bytes may still be read.
	budget int64
}

func newLook(reader registry.Reader, search signature.Search) *look {
	l := &look{
		reader: reader, search: search, repository: search.Reference.Repository, digest: search.Reference.Digest,
		strangers: map[string]int{}, budget: maxTotalSize,
	}
	for _, wanted := range search.Anchors {
		made := newAnchor(wanted)
		if !slices.ContainsFunc(l.anchors, func(a *anchor) bool { return a.id == made.id }) {
			l.anchors = append(l.anchors, made)
		}
	}
	return l
}

// settled says that there is nothing left to find out: for a key without anything beside it, one signature of the image is as good as all,
// and with an anchor that cannot be used nothing is found out at all.
func (l *look) settled() bool {
	for _, a := range l.anchors {
		if a.unfit == nil && (l.wantsAttestations() || !a.bare || len(a.signed) == 0) {
			return false
		}
	}
	return true
}

func (l *look) wantsAttestations() bool { return slices.ContainsFunc(l.search.PredicateTypes, l.wants) }

// manifests are the image and, where attestations are wanted, its platforms, to which those may be attached.
func (l *look) manifests() []image.Digest {
	manifests := []image.Digest{l.digest}
	if l.wantsAttestations() {
		for _, platform := range l.search.Platforms {
			if !slices.Contains(manifests, platform) {
				manifests = append(manifests, platform)
			}
		}
	}
	return manifests
}

// wants says that attestations of the predicate type are looked for. A signature is none, whoever asks for it.
func (l *look) wants(predicateType string) bool {
	return predicateType != evidence.SignaturePredicate && slices.Contains(l.search.PredicateTypes, predicateType)
}

// promises says that what is annotated with the predicate type may be wanted. An annotation proves nothing, but whoever writes one that
// keeps something from being found could as well have attached nothing. cosign writes the type of a signature on attestations, too, when
// it has a signing configuration.
func (l *look) promises(hint string) bool {
	return hint == "" || hint == evidence.SignaturePredicate || l.wants(hint)
}

// hinder remembers the first thing that could not be looked at.
func (l *look) hinder(err error) {
	if l.hindrance == nil {
		l.hindrance = err
	}
}

// discount counts something that is annotated with, or states, the predicate type and that no anchor can be tried on.
func (l *look) discount(predicateType string, why error) {
	l.unusable++
	if l.why == nil {
		l.why = why
	}
	l.estrange(predicateType)
}

func (l *look) estrange(predicateType string) {
	if predicateType == evidence.SignaturePredicate || l.wants(predicateType) {
		l.strangers[predicateType]++
	}
}

// found is the answer.
func (l *look) found() signature.Found {
	found := signature.Found{Statements: make(map[string]evidence.Statements, len(l.anchors)), Strangers: l.strangers}
	for _, a := range l.anchors {
		found.Statements[a.id] = evidence.Statements{Signed: a.inOrder(), Rest: l.rest(a)}
	}
	return found
}
