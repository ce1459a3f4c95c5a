// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// BinariesEnv names the folder with the control plane's programs; the default
// is where make control-plane puts them.
const BinariesEnv = "ASSAY_CONTROL_PLANE"

// findBinaries returns the folder with the control plane's programs.
func findBinaries() (string, error) {
	dir := os.Getenv(BinariesEnv)
	if dir == "" {
		root, err := moduleRoot()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(root, "bin", "k8s")
	}
	if _, err := os.Stat(filepath.Join(dir, "kube-apiserver")); err != nil {
		return "", fmt.Errorf("no control plane in %s: run `make control-plane`, or set %s (%w)", dir, BinariesEnv, err)
	}
	return filepath.Abs(dir)
}

// moduleRoot returns the nearest folder with a go.mod, from the working directory upwards.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod in the working directory or above it")
		}
		dir = parent
	}
}
