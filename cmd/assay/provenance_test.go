// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/assay-dev/assay/test/images"
	"github.com/assay-dev/assay/test/registry"
	"github.com/assay-dev/assay/test/shareddata"
)

// realPolicy believes what GitHub's workflow built for a public project; what stands in BRACES differs by version.
const realPolicy = `
apiVersion: assay.dev/v1alpha1
kind: ClusterImagePolicy
metadata: {name: provenance}
spec:
  namespaces: [prod]
  authorities:
  - name: generator
    keyless:
      trustRoot: {configMapKeyRef: {name: sigstore, key: trusted_root.json}}
      identities:
      - issuer: https://token.actions.githubusercontent.com
        subject: https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/{VERSION}
        sourceRepository: https://github.com/slsa-framework/example-package
        sourceRef: {REF}
        trigger: {TRIGGER}
  attestations:
  - name: provenance
    predicateType: https://slsa.dev/provenance/v0.2
    signedBy: [generator]
    slsa:
      builders: ["https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/{VERSION}"]
      sources: ["git+https://github.com/slsa-framework/example-package"]
      refs: [{REF}]
      buildTypes: [https://github.com/slsa-framework/slsa-github-generator/container@v1]
      minLevel: 3
`

// TestRealProvenance judges images that GitHub's workflows built and attested in public, without asking anybody but the registry.
func TestRealProvenance(t *testing.T) {
	root, err := os.ReadFile(filepath.Join(shareddata.Require(t, "sigstore-public"), "trusted_root.json"))
	if err != nil {
		t.Fatal(err)
	}
	for version, built := range map[string]struct{ ref, trigger string }{
		"v1.7.0": {"refs/heads/main", "workflow_dispatch"}, // logged as kind intoto 0.0.1
		"v2.0.0": {"refs/tags/v13.0.30", "push"},           // logged as kind dsse 0.0.1
	} {
		t.Run(version, func(t *testing.T) {
			w, r := newWorkshop(t), registry.New(t)
			image, other := pushAttested(t, r.Host(), version)
			right := strings.NewReplacer("{VERSION}", version, "{REF}", built.ref, "{TRIGGER}", built.trigger).Replace(realPolicy)
			configMap := "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: sigstore, namespace: assay-system}, data: {trusted_root.json: " +
				strconv.Quote(string(root)) + "}}\n"
			for name, test := range map[string]struct {
				image    string
				old, new string
				code     int
				says     string
			}{
				"what is right":            {image, "", "", exitTrusted, "Trusted"},
				"the public trust root":    {image, "      trustRoot: {configMapKeyRef: {name: sigstore, key: trusted_root.json}}\n", "", exitTrusted, "Trusted"},
				"without git+ in front":    {image, "git+https", "https", exitTrusted, "Trusted"},
				"another builder":          {image, `builders: ["https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/` + version, `builders: ["https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v9.9.9`, exitRejected, "its builder is https://github.com/slsa-framework/"},
				"another source":           {image, "sources: [\"git+https://github.com/slsa-framework/example-package", "sources: [\"git+https://github.com/slsa-framework/other-package", exitRejected, "its source is https://github.com/slsa-framework/example-package"},
				"another ref":              {image, "refs: [" + built.ref, "refs: [refs/heads/next", exitRejected, "its ref is " + built.ref},
				"another build type":       {image, "slsa-github-generator/container@v1", "slsa-github-generator/container@v2", exitRejected, "its build type is "},
				"another issuer":           {image, "issuer: https://token.actions.githubusercontent.com", "issuer: https://accounts.google.com", exitRejected, "its issuer is https://token.actions.githubusercontent.com"},
				"another subject":          {image, "subject: https://github.com/slsa-framework/", "subject: https://github.com/stranger/", exitRejected, "its subject is https://github.com/slsa-framework/"},
				"another repository":       {image, "sourceRepository: https://github.com/slsa-framework/example-package", "sourceRepository: https://github.com/slsa-framework/other", exitRejected, "its sourceRepository is "},
				"another ref of the build": {image, "sourceRef: " + built.ref, "sourceRef: refs/heads/next", exitRejected, "its sourceRef is "},
				"another trigger":          {image, "trigger: " + built.trigger, "trigger: schedule", exitRejected, "its trigger is " + built.trigger},
				"another predicate type":   {image, "predicateType: https://slsa.dev/provenance/v0.2", "predicateType: https://slsa.dev/provenance/v1", exitRejected, "no attestation of type https://slsa.dev/provenance/v1"},
				"another digest":           {other, "", "", exitRejected, "no attestation of type https://slsa.dev/provenance/v0.2"},
			} {
				t.Run(name, func(t *testing.T) {
					policy := right
					if test.old != "" {
						if policy = strings.Replace(right, test.old, test.new, 1); policy == right {
							t.Fatalf("the policy does not have %q", test.old)
						}
					}
					code, output, errs := w.runIn(t, filepath.Join(w.folder, "cache"), "verify", "--policy", w.write(t, "real.yaml", policy+configMap),
						"--database-file", w.database, "--insecure-registry", r.Host(), test.image)
					if code != test.code || !strings.Contains(strings.Join(strings.Fields(output), " "), test.says) {
						t.Errorf("exit code %d, want %d and %q in:\n%s%s", code, test.code, test.says, output, errs)
					}
				})
			}
		})
	}
}

// pushAttested pushes a real image with its attestation, and another one to which the same attestation is attached.
func pushAttested(t *testing.T, host, version string) (image, other string) {
	t.Helper()
	folder := filepath.Join(shareddata.Require(t, "slsa/"+version), "container_workflow_dispatch")
	repository := host + "/shop/example"
	digest, err := images.PushSaved(t.Context(), repository+":1", folder)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := images.Push(t.Context(), repository+":other", images.Build(t, images.PatchedDebian))
	if err != nil {
		t.Fatal(err)
	}
	attestations, err := remote.Image(attestationTag(t, repository, digest))
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(attestationTag(t, repository, stranger), attestations); err != nil {
		t.Fatal(err)
	}
	return repository + "@" + digest, repository + "@" + stranger
}

func attestationTag(t *testing.T, repository, digest string) name.Tag {
	t.Helper()
	tag, err := name.NewTag(repository+":"+strings.Replace(digest, ":", "-", 1)+".att", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return tag
}
