// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package sandbox

import "syscall"

// attributes: the child notices that its parent is gone when its standard input ends.
func attributes() *syscall.SysProcAttr { return nil }

// keepFiles: the descriptors that Go opens are never inherited.
func keepFiles() {}
