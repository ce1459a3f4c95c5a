// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
)

func inEveryFormat(t *testing.T, j Judgement) map[string]string {
	t.Helper()
	said := map[string]string{}
	for _, format := range Formats() {
		said[format] = written(t, j, format)
	}
	if j.Verdict == "" {
		var b strings.Builder
		if err := Findings(&b, j, false); err != nil {
			t.Fatal(err)
		}
		said["text"] = b.String()
	}
	return said
}

func TestSecretsAndUnidentifiedFilesAreInEveryFormat(t *testing.T) {
	layer := image.DigestOf([]byte("layer"))
	file := evidence.Secret{Rule: "aws-access-key-id", Severity: evidence.SeverityCritical, Place: "root/.aws/credentials", Layer: layer, Line: 2}
	variable := evidence.Secret{Rule: "github-pat", Severity: evidence.SeverityHigh, Place: "environment variable TOKEN"}
	for name, test := range map[string]struct {
		secret evidence.Secret
		jar    string
		says   []string // in every format but JSON
		sarif  string   // rule, level, place and line
	}{
		"a secret in a file": {
			secret: file, says: []string{"aws-access-key-id", "root/.aws/credentials line 2", layer.String(), "Critical"},
			sarif: "secret/aws-access-key-id error root/.aws/credentials 2",
		},
		"a secret in the configuration has no file": {
			secret: variable, says: []string{"github-pat", "environment variable TOKEN", "High"}, sarif: "secret/github-pat error checkout.tar 1",
		},
		"a jar that nobody can name": {jar: "app/vendor.jar", says: []string{"app/vendor.jar"}, sarif: "unidentified note app/vendor.jar 1"},
	} {
		for _, verdict := range []v1alpha1.Verdict{"", v1alpha1.VerdictTrusted} {
			t.Run(name+" "+string(verdict), func(t *testing.T) {
				p := evidence.Platform{Inventory: evidence.Checked(evidence.Inventory{}), Findings: evidence.Checked([]evidence.Finding{})}
				if test.jar != "" {
					p.Inventory.Value.Unidentified = []string{test.jar}
				} else {
					p.Secrets = evidence.Checked([]evidence.Secret{test.secret})
				}
				j := scanned(p)
				j.Verdict = verdict
				j.Evidence.Platforms = append(j.Evidence.Platforms, j.Evidence.Platforms[0]) // Several platforms have it.
				said := inEveryFormat(t, j)
				for format, report := range said {
					for _, want := range test.says {
						if format != "json" && !strings.Contains(report, want) {
							t.Errorf("%s does not say %q:\n%s", format, want, report)
						}
					}
				}
				var results []string
				for _, r := range parseSARIF(t, said["sarif"]).Runs[0].Results {
					results = append(results, r.where())
				}
				if diff := cmp.Diff([]string{test.sarif}, results); diff != "" {
					t.Errorf("results (-want +got):\n%s", diff)
				}
				failed, skipped := strings.Count(said["junit"], "<failure"), strings.Count(said["junit"], "<skipped")
				if test.jar != "" && (failed != 0 || skipped != 2) || test.jar == "" && (failed != 2 || skipped != 0) {
					t.Errorf("%d failures, %d skipped:\n%s", failed, skipped, said["junit"])
				}
			})
		}
	}
}

func TestVEXThatIsIgnoredIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		ignored    int
		says, json string
	}{
		"no document":   {0, "", ""},
		"one document":  {1, "1 VEX document on the image is ignored", `"ignoredVEX": 1`},
		"two documents": {2, "2 VEX documents on the image are ignored", `"ignoredVEX": 2`},
	} {
		for _, verdict := range []v1alpha1.Verdict{"", v1alpha1.VerdictRejected} {
			t.Run(name+" "+string(verdict), func(t *testing.T) {
				j := sample()
				j.Verdict, j.Evidence.IgnoredVEX = verdict, test.ignored
				said := inEveryFormat(t, j)
				for format, want := range map[string]string{"text": test.says, "markdown": test.says, "json": test.json} {
					if !strings.Contains(said[format], want) || test.ignored == 0 && strings.Contains(said[format], "gnored") {
						t.Errorf("%s does not say %q:\n%s", format, want, said[format])
					}
				}
			})
		}
	}
}
