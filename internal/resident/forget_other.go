// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package resident

// ForgetStart does nothing: memory is only counted where the kernel is Linux.
func ForgetStart() {}
