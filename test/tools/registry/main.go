// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Command registry is the CNCF Distribution registry with the storage drivers
// and the authentication that tests use. It does not serve the referrers API,
// so clients have to keep the fallback tags of the OCI distribution
// specification. The drivers that it leaves out link the cloud vendors' SDKs.
package main

import (
	"os"

	"github.com/distribution/distribution/v3/registry"
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"
)

func main() {
	if err := registry.RootCmd.Execute(); err != nil {
		os.Exit(1)
	}
}
