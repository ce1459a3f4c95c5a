// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package assembly

import (
	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/layout/intoto"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
	"github.com/assay-dev/assay/internal/signature/publicgood"
)

// CheckAnchor returns why no signature can be checked against the anchor, in words for people.
func CheckAnchor(anchor signature.Anchor) error {
	_, err := entity.NewChecker(anchor)
	return err
}

// CheckLayout returns why the layout cannot be used, in words for people.
func CheckLayout(l layout.Layout) error {
	_, err := intoto.Verifier{}.Functionaries(l, nil)
	return err
}

// PublicRoot returns the trust root of the public Sigstore that the program was built with.
func PublicRoot() []byte { return publicgood.Root() }
