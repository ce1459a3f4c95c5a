// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package test holds what tests stand on, a folder each. Folders with a go.mod
// are modules of their own, so that the product's stays clean.
package test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

// What the product's findings and signatures are compared with has to be of the
// version that the product links.
func TestClientsAreOfTheVersionThatTheProductLinks(t *testing.T) {
	product, clients := readModule(t, "../go.mod"), readModule(t, "clients/go.mod")
	for _, path := range []string{
		"github.com/aquasecurity/trivy", "github.com/sigstore/cosign/v2", "github.com/google/go-containerregistry",
	} {
		if got, want := versionOf(clients, path), versionOf(product, path); got != want {
			t.Errorf("%s is %s in test/clients/go.mod and %s in go.mod", path, got, want)
		}
	}
}

func TestAllModulesAreBuiltByOneToolchain(t *testing.T) {
	product := readModule(t, "../go.mod")
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Base(path) != "go.mod" {
			return err
		}
		if got, want := toolchainOf(readModule(t, path)), toolchainOf(product); got != want {
			t.Errorf("%s has toolchain %s, go.mod has %s", path, got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The releases v0.69.4 to v0.69.6 of trivy were malicious.
func TestMaliciousReleasesAreExcluded(t *testing.T) {
	for _, path := range []string{"../go.mod", "clients/go.mod"} {
		var excluded []string
		for _, exclude := range readModule(t, path).Exclude {
			excluded = append(excluded, exclude.Mod.String())
		}
		for _, version := range []string{"v0.69.4", "v0.69.5", "v0.69.6"} {
			if want := "github.com/aquasecurity/trivy@" + version; !strings.Contains(strings.Join(excluded, " "), want) {
				t.Errorf("%s does not exclude %s", path, want)
			}
		}
	}
}

func readModule(t *testing.T, path string) *modfile.File {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := modfile.Parse(path, content, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func toolchainOf(file *modfile.File) string {
	if file.Toolchain == nil {
		return "absent"
	}
	return file.Toolchain.Name
}

func versionOf(file *modfile.File, path string) string {
	for _, require := range file.Require {
		if require.Mod.Path == path {
			return require.Mod.Version
		}
	}
	return "absent"
}
