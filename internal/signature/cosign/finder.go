// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

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
