// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-dev/assay/test/shareddata"
)

// TestTheChainOfARealImage prints who made an image that GitHub's workflows built and attested in public, and how.
func TestTheChainOfARealImage(t *testing.T) {
	for version, test := range map[string]struct{ ref, trigger, want string }{
		"v1.7.0": {"refs/heads/main", "workflow_dispatch", `
    signed     2023-06-07T14:43:06Z, by a transparency log
    log entry  https://rekor.sigstore.dev 23032409
    builder    https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v1.7.0
    source     https://github.com/slsa-framework/example-package@refs/heads/main
    commit     62cb1f1e485829bafe8bbec8b9900c0cb7624fe7
`},
		"v2.0.0": {"refs/tags/v13.0.30", "push", `
    signed     2024-04-22T21:35:15Z, by a transparency log
    log entry  https://rekor.sigstore.dev 87850616
    builder    https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v2.0.0
    source     https://github.com/slsa-framework/example-package@refs/tags/v13.0.30
    commit     693130cb6cb840a7bc9cb18c6510d536a95dc7e6
`},
	} {
		t.Run(version, func(t *testing.T) {
			folder := filepath.Join(shareddata.Require(t, "slsa/"+version), "container_workflow_dispatch")
			w := newWorkshop(t)
			policy := strings.NewReplacer("{VERSION}", version, "{REF}", test.ref, "{TRIGGER}", test.trigger,
				"      trustRoot: {configMapKeyRef: {name: sigstore, key: trusted_root.json}}\n", "").Replace(realPolicy)
			code, output, errs := w.run(t, "verify", "--policy", w.write(t, "real.yaml", policy), "--database-file", w.database,
				"--as", "registry.example.com/shop/example:1", folder)
			want := `
Signers:
  generator  https://slsa.dev/provenance/v0.2
    identity   https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/` + version + `
    issuer     https://token.actions.githubusercontent.com` + test.want
			if code != exitTrusted || !strings.Contains(output, want) {
				t.Errorf("exit code %d, want\n%s\nin\n%s%s", code, want, output, errs)
			}
		})
	}
}
