// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-dev/assay/test/advisories"
	"github.com/assay-dev/assay/test/images"
	"github.com/assay-dev/assay/test/registry"
)

// program is what make build made; it finds assay-index beside itself.
const program = "../../bin/assay"

const policyText = `
apiVersion: assay.dev/v1alpha1
kind: ClusterImagePolicy
metadata: {name: baseline}
spec:
  namespaces: [prod]
  vulnerabilities:
    block:
    - {name: fixable, minSeverity: Critical, fix: Available}
`

// TestVerifyJudgesAsTheControllerDoes runs the program against a registry: the exit code is the verdict.
func TestVerifyJudgesAsTheControllerDoes(t *testing.T) {
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%v; run make build", err)
	}
	r := registry.New(t)
	for name, image := range map[string]func() (images.Pushable, error){
		"patched":    func() (images.Pushable, error) { return images.PatchedDebian() },
		"vulnerable": func() (images.Pushable, error) { return images.VulnerableDebian() },
		"uncovered":  func() (images.Pushable, error) { return images.UncoveredDebian() },
		"incomplete": func() (images.Pushable, error) { return images.OverlongApk() },
	} {
		if _, err := images.Push(t.Context(), r.Host()+"/shop/"+name+":1", images.Build(t, image)); err != nil {
			t.Fatal(err)
		}
	}
	folder := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	database, err := advisories.Load()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := database.Archive()
	if err != nil {
		t.Fatal(err)
	}
	databaseFile := write("db.tar.gz", string(archive))
	policies := write("policy.yaml", policyText)

	for name, test := range map[string]struct {
		image, policy string
		code          int
		says          string
	}{
		"an image that passes exits 0":                      {"shop/patched:1", policies, exitTrusted, "Trusted"},
		"an image that fails exits 1":                       {"shop/vulnerable:1", policies, exitRejected, "CVE-2023-38545"},
		"a release that nobody knows exits 2":               {"shop/uncovered:1", policies, exitUndetermined, "NotCovered"},
		"an image that cannot be parsed exits 2":            {"shop/incomplete:1", policies, exitUndetermined, "InventoryIncomplete"},
		"an image that is not there exits 2":                {"shop/absent:1", policies, exitUndetermined, "shop/absent"},
		"a policy file that is not there exits 2":           {"shop/patched:1", filepath.Join(folder, "none.yaml"), exitUndetermined, "none.yaml"},
		"a file without a policy exits 2":                   {"shop/patched:1", write("empty.yaml", "# none\n"), exitUndetermined, "no ImagePolicy"},
		"a field that is misspelt exits 2":                  {"shop/patched:1", write("typo.yaml", strings.Replace(policyText, "block:", "blok:", 1)), exitUndetermined, "blok"},
		"a reference that cannot be parsed exits 2":         {"shop/patched:1:2", policies, exitUndetermined, "malformed"},
		"a policy that does not speak of the image exits 2": {"shop/patched:1", write("other.yaml", strings.Replace(policyText, "  vulnerabilities:", "  images: [elsewhere.example.com/**]\n  vulnerabilities:", 1)), exitUndetermined, "NoMatchingPolicy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command := exec.CommandContext(t.Context(), program, "verify", "--policy", test.policy,
				"--cache-dir", t.TempDir(), "--database-file", databaseFile, "--registry-config", "", "--insecure-registry", r.Host(), r.Host()+"/"+test.image)
			var output bytes.Buffer
			command.Stdout, command.Stderr = &output, &output
			err := command.Run()
			code := 0
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				code = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if code != test.code || !strings.Contains(output.String(), test.says) {
				t.Errorf("exit code %d, want %d and %q in:\n%s", code, test.code, test.says, output.String())
			}
		})
	}
}
