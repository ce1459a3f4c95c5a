// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/assay-dev/assay/test/advisories"
	"github.com/assay-dev/assay/test/images"
	"github.com/assay-dev/assay/test/shareddata"
)

// workshop is a folder with what the program needs.
type workshop struct {
	folder, database, policies string
}

func newWorkshop(t *testing.T) workshop {
	t.Helper()
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%v; run make build", err)
	}
	database, err := advisories.Load()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := database.Archive()
	if err != nil {
		t.Fatal(err)
	}
	w := workshop{folder: t.TempDir()}
	w.database = w.write(t, "db.tar.gz", string(archive))
	w.policies = w.write(t, "policy.yaml", strings.Replace(policyText, "  vulnerabilities:", "  images: [registry.example.com/shop/*]\n  vulnerabilities:", 1))
	return w
}

func (w workshop) write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(w.folder, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run starts the program and returns its exit code and what it wrote.
func (w workshop) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return w.runIn(t, t.TempDir(), args...)
}

// runIn is run with a folder for what is kept.
func (workshop) runIn(t *testing.T, cache string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, append(args, "--cache-dir", cache, "--registry-config", "")...)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if strings.Contains(errs.String(), `"level"`) {
		t.Errorf("what libraries log stands among what is for people:\n%s", &errs)
	}
	return command.ProcessState.ExitCode(), out.String(), errs.String()
}

// saved writes an image as docker save does.
func (w workshop) saved(t *testing.T, img v1.Image, as string) string {
	t.Helper()
	tag, err := name.NewTag(as)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(w.folder, "saved.tar")
	if err := tarball.WriteToFile(path, tag, img); err != nil {
		t.Fatal(err)
	}
	return path
}

func (w workshop) layout(t *testing.T, img v1.Image) string {
	t.Helper()
	folder := t.TempDir()
	path, err := layout.Write(folder, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestAnImageIsJudgedBeforeAnybodyPushesIt(t *testing.T) {
	w := newWorkshop(t)
	const tag = "registry.example.com/shop/checkout:1.8"
	vulnerable, patched := images.Build(t, images.VulnerableDebian), images.Build(t, images.PatchedDebian)
	for form, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"docker save, under the name it was saved by":   {[]string{w.saved(t, vulnerable, tag)}, exitRejected, "CVE-2023-38545"},
		"an OCI layout that is going to be pushed":      {[]string{w.layout(t, patched), "--as", tag}, exitTrusted, "Trusted"},
		"a layout that fails":                           {[]string{w.layout(t, vulnerable), "--as", tag}, exitRejected, "CVE-2023-38545"},
		"a layout without a name is none of a policy's": {[]string{w.layout(t, patched)}, exitUndetermined, "NoMatchingPolicy"},
		"a folder that holds no image":                  {[]string{t.TempDir()}, exitUndetermined, "no OCI image layout"},
		"a path that is not there":                      {[]string{"./absent.tar"}, exitUndetermined, "absent.tar"},
		"a remote image has its own name":               {[]string{tag, "--as", tag}, exitUndetermined, "--as is for images on the local disk"},
	} {
		t.Run(form, func(t *testing.T) {
			code, stdout, stderr := w.run(t, append([]string{"verify", "--policy", w.policies, "--database-file", w.database}, test.args...)...)
			if code != test.code || !strings.Contains(stdout+stderr, test.says) {
				t.Errorf("exit code %d, want %d and %q in:\n%s%s", code, test.code, test.says, stdout, stderr)
			}
		})
	}
}

// The whole of a policy counts, as it does in a cluster.
func TestExceptionsVEXAndSecretsCountOutsideOfAClusterToo(t *testing.T) {
	w := newWorkshop(t)
	const tag = "registry.example.com/shop/checkout:1.8"
	path := w.saved(t, images.Build(t, images.VulnerableDebian), tag)
	const base = `
apiVersion: assay.dev/v1alpha1
kind: ClusterImagePolicy
metadata: {name: baseline}
spec:
  namespaces: [prod]
  vulnerabilities:
    block: [{name: critical, minSeverity: Critical}]
`
	excepted := func(until string) string {
		return base + `    exceptions:
    - {id: CVE-2023-38545, package: "pkg:deb/debian/curl", reason: no SOCKS proxy, expiresAt: "` + until + `"}
    - {id: CVE-2023-38545, package: "pkg:deb/debian/libcurl4", reason: no SOCKS proxy, expiresAt: "` + until + `"}
`
	}
	const vex = base + `    vex: [{name: vendor, configMapKeyRef: {name: vex, key: openvex.json}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: vex}
data:
  openvex.json: |
    {"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://vendor.example.com/1", "author": "vendor", "timestamp": "2026-01-01T00:00:00Z", "version": 1,
     "statements": [{"vulnerability": {"name": "CVE-2023-38545"}, "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path",
       "products": [{"@id": "pkg:deb/debian/curl"}, {"@id": "pkg:deb/debian/libcurl4"}]}]}
`
	for name, test := range map[string]struct {
		policy string
		not    []string // of CVE-2023-38545 in curl, which rules say
	}{
		"without an exception the finding blocks": {base, nil},
		"an exception excuses it":                 {excepted("2999-01-01T00:00:00Z"), []string{"CVE-2023-38545"}},
		"an exception that expired does not":      {excepted("2020-01-01T00:00:00Z"), nil},
		"a VEX document excuses it":               {vex, []string{"CVE-2023-38545"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, stdout, stderr := w.run(t, "verify", path, "--policy", w.write(t, "one.yaml", test.policy), "--database-file", w.database, "-o", "json")
			var got struct {
				Excused []struct{ ID string } `json:"excused"`
			}
			if err := json.Unmarshal([]byte(stdout), &got); err != nil {
				t.Fatalf("%v\n%s", err, stderr)
			}
			ids := map[string]bool{}
			for _, e := range got.Excused {
				ids[e.ID] = true
			}
			if len(ids) != len(test.not) || len(test.not) > 0 && !ids[test.not[0]] {
				t.Errorf("excused are %v, want %v\n%s", ids, test.not, stdout)
			}
		})
	}
}

func TestEveryFormatIsWrittenToStandardOutputAlone(t *testing.T) {
	w := newWorkshop(t)
	path := w.saved(t, images.Build(t, images.VulnerableDebian), "registry.example.com/shop/checkout:1.8")
	for format, begins := range map[string]string{"text": "Image:", "json": "{", "sarif": "{", "junit": "<?xml", "markdown": "### "} {
		t.Run(format, func(t *testing.T) {
			code, stdout, stderr := w.run(t, "verify", path, "--policy", w.policies, "--database-file", w.database, "-o", format)
			if code != exitRejected || !strings.HasPrefix(stdout, begins) || !strings.Contains(stderr, "Looking into") || strings.Contains(stdout, "\x1b") {
				t.Errorf("exit code %d\n%s\n%s", code, stdout, stderr)
			}
		})
	}
	if code, _, stderr := w.run(t, "verify", path, "--policy", w.policies, "-o", "yaml"); code != exitUndetermined || !strings.Contains(stderr, "want one of text") {
		t.Errorf("an unknown format: exit code %d, %s", code, stderr)
	}
}

func TestScanPrintsFindingsAndSBOMWhatIsInTheImage(t *testing.T) {
	w := newWorkshop(t)
	path := w.saved(t, images.Build(t, images.VulnerableDebian), "registry.example.com/shop/checkout:1.8")
	if code, stdout, stderr := w.run(t, "scan", path, "--database-file", w.database); code != 0 || !strings.Contains(stdout, "CVE-2023-38545") {
		t.Errorf("scan: exit code %d\n%s\n%s", code, stdout, stderr)
	}
	for format, member := range map[string]string{"spdx": "spdxVersion", "cyclonedx": "bomFormat"} {
		code, stdout, stderr := w.run(t, "sbom", path, "-o", format)
		var document map[string]any
		if err := json.Unmarshal([]byte(stdout), &document); err != nil || code != 0 || document[member] == nil {
			t.Errorf("sbom -o %s: exit code %d, %v\n%.200s\n%s", format, code, err, stdout, stderr)
		}
	}
	incomplete := w.saved(t, images.Build(t, images.OverlongApk), "registry.example.com/shop/incomplete:1")
	if code, stdout, _ := w.run(t, "scan", incomplete, "--database-file", w.database); code != exitUndetermined || !strings.Contains(stdout, "InventoryIncomplete") {
		t.Errorf("an image that is not wholly known: exit code %d\n%s", code, stdout)
	}
}

// The layouts that cosign saved of real images, and what docker saved of one.
func TestRealLocalImagesAreScanned(t *testing.T) {
	database := shareddata.Require(t, "trivy-db/db.tar.gz")
	w := newWorkshop(t)
	for path, findings := range map[string]int{"images/distroless.tar.gz": 20, "slsa/v2.0.0/container_workflow_dispatch": 61} {
		code, stdout, stderr := w.run(t, "scan", shareddata.Require(t, path), "--database-file", database, "-o", "json")
		var scanned struct {
			Platforms []struct {
				Findings []any `json:"findings"`
			} `json:"platforms"`
		}
		if err := json.Unmarshal([]byte(stdout), &scanned); err != nil || code != 0 || len(scanned.Platforms) != 1 {
			t.Fatalf("%s: exit code %d, %v\n%s", path, code, err, stderr)
		}
		if got := len(scanned.Platforms[0].Findings); got != findings {
			t.Errorf("%s: %d findings, want %d", path, got, findings)
		}
	}
}
