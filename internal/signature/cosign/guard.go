// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cosign

import (
	"errors"

	"github.com/assay-dev/assay/internal/signature/cosign/entity"
)

// errPanicked says that a library panicked on what somebody put into the registry.
var errPanicked = errors.New("the signature could not be checked: the verifier failed on it")

// guard turns a panic into errPanicked: what makes a verifier fall over must not look like a pass, nor end the process
// (CVE-2023-33199, CVE-2026-23831, CVE-2026-44310).
func guard(check func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanicked
		}
	}()
	if err = check(); errors.Is(err, entity.ErrPanicked) {
		err = errPanicked
	}
	return err
}
