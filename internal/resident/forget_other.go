// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

// Package resident keeps what a program has in memory to what it needs.
package resident

// ForgetStart does nothing: memory is only counted where the kernel is Linux.
func ForgetStart() {}
