// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-dev/assay/test/images"
)

const catalogue = `{"title": "CISA Catalog of Known Exploited Vulnerabilities", "catalogVersion": "2026.01.02", "dateReleased": "2026-01-02T00:00:00.0000Z",
 "count": 1, "vulnerabilities": [{"cveID": "CVE-2023-38545", "dateAdded": "2026-01-01", "knownRansomwareCampaignUse": "Unknown"}]}`

// Whoever mistypes a file is told that an older copy of it counts, and where that is.
func TestAKeptCopyIsNotUsedSilently(t *testing.T) {
	w := newWorkshop(t)
	path := w.layout(t, images.Build(t, images.VulnerableDebian))
	kev, bad := w.write(t, "kev.json", catalogue), w.write(t, "bad.json", "{")
	scan := func(cache string, args ...string) string {
		command := exec.CommandContext(t.Context(), program, append([]string{"scan", path, "--registry-config", "", "--cache-dir", cache}, args...)...)
		output, err := command.CombinedOutput()
		if err != nil && command.ProcessState.ExitCode() != exitUndetermined {
			t.Fatalf("%v\n%s", err, output)
		}
		return string(output)
	}
	warm := t.TempDir()
	if said := scan(warm, "--database-file", w.database, "--kev", kev); strings.Contains(said, "warning") {
		t.Fatalf("with sound files:\n%s", said)
	}
	for name, test := range map[string]struct {
		cache string
		args  []string
		says  []string
	}{
		"a database that is not there": {warm, []string{"--database-file", "./typo"},
			[]string{"warning: --database-file ./typo: the vulnerability database ./typo cannot be read: ", "; the one of 20", " stays in use, which is kept in " + filepath.Join(warm, "database")}},
		"a database that is none": {warm, []string{"--database-file", bad},
			[]string{"warning: --database-file " + bad + ": unusable vulnerability database: ", " stays in use, which is kept in " + filepath.Join(warm, "database")}},
		"a feed that is none": {warm, []string{"--database-file", w.database, "--kev", bad},
			[]string{"warning: --kev " + bad + ": catalogue of known exploited vulnerabilities: malformed: ", "; the one of 2026-01-02 stays in use, which is kept in " + filepath.Join(warm, "kev")}},
		"a database that is none, and no other": {t.TempDir(), []string{"--database-file", bad},
			[]string{"warning: --database-file " + bad + ": unusable vulnerability database: ", "; want a db.tar.gz or a folder with trivy.db and metadata.json\n"}},
		"a feed that is none, and no other": {t.TempDir(), []string{"--database-file", w.database, "--kev", bad},
			[]string{"warning: --kev " + bad + ": ", "; want CISA's catalogue in JSON, plain or gzip\n"}},
		"two things at once, a line each": {t.TempDir(), []string{"--database-file", "./typo", "--kev", bad},
			[]string{"\nwarning: --database-file ", "\nwarning: --kev "}},
	} {
		t.Run(name, func(t *testing.T) {
			said := scan(test.cache, test.args...)
			for _, part := range test.says {
				if !strings.Contains(said, part) {
					t.Errorf("%q is not said in\n%s", part, said)
				}
			}
			if strings.Contains(said, `\n`) || strings.Contains(test.cache, warm) != strings.Contains(said, "stays in use") {
				t.Errorf("said is\n%s", said)
			}
		})
	}
}
