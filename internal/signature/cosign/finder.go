// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cosign finds what the cosign command signs and attests, and signs with cosign's own key files.
//
// Signatures and attestations are found in both forms: under tags, as layers of the manifests tagged sha256-<digest>.sig and
// sha256-<digest>.att, and as Sigstore bundles among the referrers. What counts is what was signed: annotations, tags and types of artifacts
// are whoever's may push, and serve to tell what need not be fetched. The docker-reference in a tag-based signature is not
// compared: cosign does not either, promotion copies signatures from one repository to the next, and which repositories may
// run is for the policy's images patterns to say, so that showing a signature again in another repository (replay) gains nothing.
// Nobody but the registry is asked: proofs stand beside the signatures, and what they are checked against is given (package entity).
package cosign

import (
	"context"
	"errors"
	"fmt"

	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/signature"
)

// Finder implements signature.Finder. The zero value is ready to use.
type Finder struct{}

var _ signature.Finder = Finder{}

// errTooSlow says that the time was over before everything was looked at.
var errTooSlow = fmt.Errorf("what is attached to the image could not be looked at within %s: have the registry answer faster, or remove what nobody needs", deadline)

// Find implements signature.Finder. Whatever is wrong with one statement, the next one is looked at.
func (Finder) Find(ctx context.Context, reader registry.Reader, search signature.Search) signature.Found {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	l := newLook(reader, search)
	for _, collect := range []func(context.Context) []candidate{l.taggedSignatures, l.taggedAttestations, l.bundles} {
		if l.settled() {
			break
		}
		l.open(ctx, l.choose(collect(ctx)))
	}
	if l.hindrance != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		l.hindrance = errTooSlow
	}
	return l.found()
}
