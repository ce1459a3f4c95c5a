// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package predicate

import "regexp"

// generator is slsa-github-generator at a release: its workflows state SLSA build level 3, and only for releases
// (slsa-framework/slsa-github-generator, README.md and RELEASE.md).
var generator = regexp.MustCompile(`^https://github\.com/slsa-framework/slsa-github-generator/\.github/workflows/` +
	`(?:generator_(?:generic|container)|builder_(?:go|nodejs|maven|gradle|bazel|container-based))_slsa3\.yml@refs/tags/v[0-9]+\.[0-9]+\.[0-9]+$`)

// BuildLevel is the SLSA build level (https://slsa.dev/spec/v1.0/levels) that the builder of this id states for what it builds, and 1
// for every other: there is provenance. Anybody can write any builder's id into a provenance, so the level holds only where the
// signer is that builder: the certificate of a GitHub workflow has the builder's id as its subject.
func BuildLevel(builder string) int {
	if generator.MatchString(builder) {
		return 3
	}
	switch builder {
	case "https://github.com/actions/runner/github-hosted":
		// Artifact attestations give level 2 by themselves (https://docs.github.com/actions/concepts/security/artifact-attestations). Level 3
		// takes a reusable workflow that somebody vets; its id is that of anybody's workflow, for a policy to name.
		return 2
	case "https://cloudbuild.googleapis.com/GoogleHostedWorker",
		"https://cloudbuild.googleapis.com/GoogleHostedWorker@v0.2",
		"https://cloudbuild.googleapis.com/GoogleHostedWorker@v0.3",
		"https://cloudbuild.googleapis.com/GoogleHostedWorker@v1":
		return 3 // https://cloud.google.com/build/docs/securing-builds/view-build-provenance
	}
	return 1
}
