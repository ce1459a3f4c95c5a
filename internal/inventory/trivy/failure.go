// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/assay-dev/assay/internal/inventory/wire"
)

// Texts of failures reach users: they say the same each time for the same image, so nothing of a scratch folder is in them.

func malformed(format string, args ...any) error {
	return &wire.Failure{Outcome: wire.MalformedLayer, Message: fmt.Sprintf(format, args...)}
}

func overLimit(format string, args ...any) error {
	return &wire.Failure{Outcome: wire.OverLimit, Message: fmt.Sprintf(format, args...)}
}

func failed(format string, args ...any) error {
	return &wire.Failure{Outcome: wire.Failed, Message: fmt.Sprintf(format, args...)}
}

// failureOf is the failure that an error of an analyzer comes from.
func failureOf(err error, limits wire.Limits) *wire.Failure {
	switch {
	case errors.Is(err, syscall.EFBIG):
		err = overLimit("a file has more than %s", wire.Size(limits.FileSize))
	case errors.Is(err, syscall.EMFILE):
		err = overLimit("too many files have to be open at once")
	case errors.Is(err, syscall.ENOSPC):
		err = failed("there is no room left in the scratch folder")
	}
	var failure *wire.Failure
	if errors.As(err, &failure) {
		return failure
	}
	return &wire.Failure{Outcome: wire.Failed, Message: "an analyzer failed; the log has more"}
}
