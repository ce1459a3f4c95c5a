// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package equality_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/test/registry"
)

// newWorld makes a registry and both scanners, with the database of a db.tar.gz.
func newWorld(t *testing.T, database string) *world {
	t.Helper()
	program, err := filepath.Abs(filepath.Join(root, "bin", "clients", "trivy"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Skip("bin/clients/trivy is not built, so that nothing can be compared with it: run `make clients`")
	}
	indexProgram, err := buildIndexer()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{server: registry.New(t), indexProgram: indexProgram, trivyProgram: program, trivyCache: t.TempDir()}
	folder := filepath.Join(w.trivyCache, "db")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.CommandContext(t.Context(), "tar", "-xzf", database, "-C", folder).CombinedOutput(); err != nil {
		t.Fatalf("unpack the database: %v\n%s", err, output)
	}
	w.assay = newAssay(t, w.indexProgram, database, w.server.Host())
	return w
}

// report runs `trivy image` on one platform of an image, as somebody would by hand, and reads its report.
func (w *world) report(t *testing.T, reference string, platform image.Platform, into any, options ...string) {
	t.Helper()
	options = append([]string{
		"image", "--quiet", "--format", "json", "--cache-dir", w.trivyCache, "--skip-db-update", "--skip-java-db-update", "--offline-scan",
		"--skip-version-check", "--disable-telemetry", "--image-src", "remote", "--insecure", "--platform", platform.String(), reference,
	}, options...)
	command := exec.CommandContext(t.Context(), w.trivyProgram, options...)
	home := t.TempDir()
	command.Env = []string{"HOME=" + home, "TMPDIR=" + home}
	var complaints strings.Builder
	command.Stderr = &complaints
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", command, err, complaints.String())
	}
	if err := json.Unmarshal(output, into); err != nil {
		t.Fatal(err)
	}
}

// trivy returns what trivy finds on one platform of an image.
func (w *world) trivy(t *testing.T, reference string, platform image.Platform, options ...string) []finding {
	t.Helper()
	var report struct {
		ArtifactName string
		Results      []struct {
			Target          string
			Class           string
			Vulnerabilities []struct{ VulnerabilityID, PkgName, InstalledVersion, FixedVersion, Severity string }
		}
	}
	w.report(t, reference, platform, &report, append(options, "--scanners", "vuln")...)
	var found []finding
	seen := map[finding]bool{}
	for _, result := range report.Results {
		target := result.Target
		if result.Class == "os-pkgs" { // "<name of the image> (debian 9.12)", where Assay has "debian 9.12"
			target = strings.TrimSuffix(strings.TrimPrefix(target, report.ArtifactName+" ("), ")")
		}
		for _, v := range result.Vulnerabilities {
			compared := finding{
				Platform: platform.String(), Target: target, Package: v.PkgName, Version: v.InstalledVersion, ID: v.VulnerabilityID,
				FixedVersion: v.FixedVersion, Severity: v.Severity,
			}
			if !seen[compared] {
				seen[compared] = true
				found = append(found, compared)
			}
		}
	}
	return found
}
