// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !pkcs11

package pkcs11

import (
	"context"
	"fmt"

	"github.com/assay-dev/assay/internal/signature"
)

// Open says that this program has no PKCS #11, and which one has.
func Open(_ context.Context, uri string) (signature.Signer, error) {
	if _, err := parse(uri); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%w: it is not in this build of Assay: use one that was built with cgo and the tag pkcs11 (make build-pkcs11)", ErrRefused)
}
