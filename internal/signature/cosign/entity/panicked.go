// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity

import "errors"

// Panicked says that err came of a library that panicked, so that nobody knows whether the signature is good.
func Panicked(err error) bool { return errors.Is(err, errPanicked) }
