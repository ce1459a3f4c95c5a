// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !pkcs11

package signing_test

// tokens are not in this build.
var tokens map[string]setUp
