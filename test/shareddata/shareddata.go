// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package shareddata finds the test data that may lie beside the project, in ../shared/data from its root: real images, a real
// vulnerability database, real signatures. The project does not depend on it; a test that runs on it says so in its log, and
// one that has nothing else to run on is skipped here and nowhere else.
package shareddata

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Path is where a file or folder of the shared data is, and whether it is there. The name is relative to ../shared/data.
func Path(t testing.TB, name string) (string, bool) {
	t.Helper()
	path := filepath.Join(root(t), "..", "shared", "data", filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		return "", false
	}
	t.Logf("runs on shared/data/%s beside the project", name)
	return path, true
}

// Require is [Path] for a test that is about the shared data alone: without the data it is skipped, visibly.
func Require(t testing.TB, name string) string {
	t.Helper()
	path, ok := Path(t, name)
	if !ok {
		t.Skipf("shared/data/%s is not beside the project", name)
	}
	return path
}

// root is the folder of the project's go.mod, above the folder that the test runs in; modules of tests are passed by.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(mod, []byte("module github.com/assay-dev/assay\n")) {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("the project's go.mod is not above the test")
		}
		dir = parent
	}
}
