// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// followReadme runs what the README tells people to do by hand, in the order of the page and in one shell.
func followReadme(t *testing.T, w *world) {
	page, err := os.ReadFile("../../README.md")
	must(t, err)
	must(t, w.WriteFiles())
	must(t, w.PublishQueries(t.Context())) // as the demo does
	_, byHand, _ := strings.Cut(string(page), "\n## Go on by hand\n")
	byHand, _, _ = strings.Cut(byHand, "\n## ")
	var script strings.Builder
	for i, block := range strings.Split(byHand, "```") {
		if i%2 == 1 && strings.HasPrefix(block, "sh\n") {
			script.WriteString(strings.TrimPrefix(block, "sh\n"))
		}
	}
	if script.Len() == 0 {
		t.Fatal("there are no commands under ## Go on by hand")
	}
	shell := exec.CommandContext(t.Context(), "sh", "-eux", "-c", strings.ReplaceAll(script.String(), "bin/demo", w.Dir()))
	shell.Dir = "../.."
	shell.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	output, err := shell.CombinedOutput()
	t.Logf("%s", output)
	must(t, err)
}
