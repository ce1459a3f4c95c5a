// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// WriteFiles writes what somebody needs to go on by hand: the policies, the passports, and a shell file that exports all that
// leads to them.
func (w *World) WriteFiles() error {
	if err := w.writeManifests(w.policies(), Keys, Policies); err != nil {
		return err
	}
	if err := w.writeManifests(filepath.Join(w.dir, "images"), Checkout, Legacy); err != nil {
		return err
	}
	return os.WriteFile(w.Shell(), []byte(w.shell()), 0o600)
}

// Shell is the path of the shell file.
func (w *World) Shell() string { return filepath.Join(w.dir, "env") }

func (w *World) policies() string { return filepath.Join(w.dir, "policies") }

// shell is what the shell file says.
func (w *World) shell() string {
	path := strings.Join([]string{w.bin(""), w.bin("k8s"), w.bin("clients")}, ":")
	var b strings.Builder
	for _, v := range [][2]string{
		{"KUBECONFIG", quote(w.Kubeconfig)},
		{"REGISTRY", quote(w.Registry)},
		{"ASSAY_DEMO_KEY", quote(w.Keys.Private)},
		{"ASSAY_DEMO_PUB", quote(w.Keys.Public)},
		{"ASSAY_DEMO_POLICIES", quote(w.policies())},
		{"ASSAY_DEMO_DATABASE", quote(w.Database())},
		{"ASSAY_DEMO_KEV", quote(w.KEV())},
		{"COSIGN_PASSWORD", quote(Password)},
		{"PATH", quote(path) + `:"$PATH"`},
	} {
		fmt.Fprintf(&b, "export %s=%s\n", v[0], v[1])
	}
	return b.String()
}

// writeManifests writes some of the story's manifests into a folder.
func (w *World) writeManifests(dir string, names ...string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		content, err := w.Manifest(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// quote makes one word of text for a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
