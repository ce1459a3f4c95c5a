// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-dev/assay/internal/evidence/disk"
	"github.com/assay-dev/assay/test/images"
)

// Who made a mistake is told which, and what to do.
func TestMistakesAreNamed(t *testing.T) {
	w := newWorkshop(t)
	saved := filepath.Base(w.saved(t, images.Build(t, images.PatchedDebian), "registry.example.com/shop/checkout:1.8"))
	taken := t.TempDir()
	store, err := disk.Open(filepath.Join(taken, "evidence"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // Nothing was written.
	absolute, err := filepath.Abs(program)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"no image":                     {[]string{"scan"}, "assay: want an image: assay scan IMAGE"},
		"no image to judge":            {[]string{"verify", "--policy", w.policies}, "assay: want an image: assay verify IMAGE --policy FILE"},
		"two images":                   {[]string{"sbom", "a", "b"}, "assay: want one image, got 2: a b"},
		"a file that looks like a tag": {[]string{"scan", saved}, "; for what is at that place on the local disk write ./" + saved},
		"what is on no disk either":    {[]string{"scan", "127.0.0.1:1/none"}, "assay: "},
		"a path that a terminal obeys": {[]string{"scan", "./nx\x1b[31m.tar"}, `assay: ./nx\x1b[31m.tar: no such file or directory`},
		"what is replaced on the disk": {[]string{"verify", "./" + saved, "--policy", w.policies, "--replaces", "./" + saved},
			"assay: --replaces ./" + saved + ": what an environment trusts is in a registry; want repository:tag or repository@digest"},
		"what is replaced and no reference": {[]string{"verify", "./" + saved, "--policy", w.policies, "--database-file", w.database, "--replaces", "a:b:c"},
			"assay: --replaces a:b:c: "},
		"a folder that is in use": {[]string{"scan", "./" + saved, "--cache-dir", taken},
			"assay: open the evidence store in " + taken + "/evidence: another process has it open, and one at a time may"},
		"two wrong policies": {[]string{"verify", "./" + saved, "--policy", policyFile(t, clusterWide("image: {secrets: deny, user: root}"))},
			"\nassay: "},
	} {
		t.Run(name, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), absolute, append([]string{test.args[0], "--registry-config", "", "--cache-dir", t.TempDir()}, test.args[1:]...)...)
			command.Dir = w.folder
			output, _ := command.CombinedOutput()
			said := string(output)
			if code := command.ProcessState.ExitCode(); code != exitUndetermined || !strings.Contains(said, test.says) {
				t.Errorf("exit code %d, and %q is not said in\n%s", code, test.says, said)
			}
			if strings.ContainsRune(said, '\x1b') || strings.Contains(said, `\n`) || name == "what is on no disk either" && strings.Contains(said, "local disk") {
				t.Errorf("said is %q", said)
			}
		})
	}
}
