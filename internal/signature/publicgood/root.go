// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package publicgood has the trust root of the public-good instance of Sigstore: as it was when Assay was built and, where that is
// allowed, as the instance has published it since by The Update Framework (TUF). Nothing here contacts anybody until a Keeper is told to.
package publicgood

import (
	"bytes"
	_ "embed"
)

// embedded is trusted_root.json as github.com/sigstore/sigstore v1.10.8 has it in pkg/tuf/repository/targets, and sigstore-go v1.3.0 in
// examples (published by sigstore/root-signing, Apache-2.0).
//
//go:embed trusted_root.json
var embedded []byte

// Root is the trust root as it was when Assay was built: a trusted_root.json (sigstore/protobuf-specs, sigstore_trustroot.proto).
func Root() []byte { return bytes.Clone(embedded) }
