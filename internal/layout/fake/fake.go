// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fake has a verifier of layouts that answers as it is told.
package fake

import (
	"time"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/signature"
)

// Verifier answers the same for every layout.
type Verifier struct {
	Keys   []signature.Key
	Err    error
	Result evidence.LayoutResult
}

var _ layout.Verifier = Verifier{}

// Functionaries returns Keys and Err.
func (v Verifier) Functionaries(layout.Layout, []evidence.Signed) ([]signature.Key, error) {
	return v.Keys, v.Err
}

// Verify returns Result.
func (v Verifier) Verify(layout.Layout, []evidence.Signed, image.Digest, time.Time) evidence.LayoutResult {
	return v.Result
}
