// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !pkcs11

package pkcs11

import (
	"errors"
	"strings"
	"testing"
)

func TestABuildWithoutItSaysWhichOneHasIt(t *testing.T) {
	_, err := Open(t.Context(), "pkcs11:token=a;object=b?module-path=/l&pin-source=/p")
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "make build-pkcs11") {
		t.Errorf("Open: %v", err)
	}
}
