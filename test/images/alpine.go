// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import v1 "github.com/google/go-containerregistry/pkg/v1"

const apkInstalled = "lib/apk/db/installed"

// Alpine is Alpine 3.20.0 as it was released, for root; its openssl and busybox have vulnerabilities that were fixed later.
func Alpine() (v1.Image, error) {
	files, err := alpineFiles()
	if err != nil {
		return nil, err
	}
	return fromFiles(Spec{}, files...)
}

func alpineFiles() ([]File, error) {
	return readAll(alpine3200, map[string]string{
		"alpine-release": "etc/alpine-release",
		"os-release":     "etc/os-release",
		"repositories":   "etc/apk/repositories",
		"installed":      apkInstalled,
	})
}
