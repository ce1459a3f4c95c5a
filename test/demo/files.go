// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/assay-dev/assay/test/story"
)

// writeFiles writes what somebody needs to go on by hand: the policies, the passports, and the shell file.
func writeFiles(w *story.World) error {
	if err := w.WriteManifests(policiesFolder(w), story.Keys, story.Policies); err != nil {
		return err
	}
	if err := w.WriteManifests(filepath.Join(w.Dir(), "images"), story.Checkout, story.Legacy); err != nil {
		return err
	}
	return os.WriteFile(envFile(w), []byte(environment(w)), 0o600)
}

// environment is a shell file that exports all that leads to the demo.
func environment(w *story.World) string {
	root := filepath.Dir(filepath.Dir(w.Dir()))
	bin := filepath.Join(root, "bin")
	path := strings.Join([]string{bin, filepath.Join(bin, "k8s"), filepath.Join(bin, "clients")}, ":")
	var b strings.Builder
	for _, v := range [][2]string{
		{"KUBECONFIG", quote(w.Kubeconfig)},
		{"REGISTRY", quote(w.Registry)},
		{"ASSAY_DEMO_KEY", quote(w.Keys.Private)},
		{"ASSAY_DEMO_PUB", quote(w.Keys.Public)},
		{"ASSAY_DEMO_POLICIES", quote(policiesFolder(w))},
		{"ASSAY_DEMO_DATABASE", quote(w.Database())},
		{"ASSAY_DEMO_KEV", quote(w.KEV())},
		{"COSIGN_PASSWORD", quote(story.Password)},
		{"PATH", quote(path) + `:"$PATH"`},
	} {
		fmt.Fprintf(&b, "export %s=%s\n", v[0], v[1])
	}
	return b.String()
}

func envFile(w *story.World) string { return filepath.Join(w.Dir(), "env") }

func policiesFolder(w *story.World) string { return filepath.Join(w.Dir(), "policies") }

// quote makes one word of text for a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
