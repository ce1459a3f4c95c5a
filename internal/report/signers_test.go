// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// releaseKey is the fingerprint of a key.
var releaseKey = "4c2f8a90b1d2" + strings.Repeat("0", 52)

// chainOf are a release team with a key about to go and a builder whom Sigstore vouches for.
func chainOf() []v1alpha1.SignerReference {
	return []v1alpha1.SignerReference{
		{Authority: "release-team", Identity: releaseKey, NotAfter: ptr.To(v1alpha1.Timestamp("2026-12-01T00:00:00Z"))},
		{
			Authority: "ci", PredicateType: "https://slsa.dev/provenance/v1",
			Identity: "https://github.com/shop/checkout/.github/workflows/build.yaml@refs/heads/main", Issuer: "https://token.actions.githubusercontent.com",
			SignedAt: ptr.To(v1alpha1.Timestamp("2026-11-20T08:00:00Z")), SignedAtBy: "transparency log", LogEntry: "https://rekor.sigstore.dev 123456789",
			Builder: "https://github.com/actions/runner/github-hosted", Source: "git+https://github.com/shop/checkout@refs/heads/main",
			Commit: "2f6a9c1d0b3e4f5a6b7c8d9e0f1a2b3c4d5e6f70",
		},
	}
}

func TestSigners(t *testing.T) {
	for name, test := range map[string]struct {
		signers []v1alpha1.SignerReference
		want    string
	}{
		"nobody": {want: ""},
		"a key and a builder": {chainOf(), `
Signers:
  release-team  signature
    key        4c2f8a90b1d2
    key until  2026-12-01T00:00:00Z
  ci  https://slsa.dev/provenance/v1
    identity   https://github.com/shop/checkout/.github/workflows/build.yaml@refs/heads/main
    issuer     https://token.actions.githubusercontent.com
    signed     2026-11-20T08:00:00Z, by a transparency log
    log entry  https://rekor.sigstore.dev 123456789
    builder    https://github.com/actions/runner/github-hosted
    source     git+https://github.com/shop/checkout@refs/heads/main
    commit     2f6a9c1d0b3e4f5a6b7c8d9e0f1a2b3c4d5e6f70
`},
		"a certificate of one's own authority, at a time of which nobody is named": {
			[]v1alpha1.SignerReference{{Authority: "own", Identity: "release", SignedAt: ptr.To(v1alpha1.Timestamp("2026-11-20T08:00:00Z"))}}, `
Signers:
  own  signature
    identity  release
    signed    2026-11-20T08:00:00Z
`},
		"a subject that looks like a key, but for its issuer": {
			[]v1alpha1.SignerReference{{Authority: "ci", Identity: releaseKey, Issuer: "https://issuer.example.com"}}, `
Signers:
  ci  signature
    identity  ` + releaseKey + `
    issuer    https://issuer.example.com
`},
		"hostile words": {
			[]v1alpha1.SignerReference{{Authority: "c\x1bi", PredicateType: "::error::\u202e", Identity: "a\nb", Issuer: strings.Repeat("i", 400), Commit: "##[x]"}}, `
Signers:
  c\x1bi  ::error::\u202e
    identity  a\nb
    issuer    ` + strings.Repeat("i", 317) + `...
    commit    #\x23[x]
`},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := Verdict(&b, Summary{Image: "image", Verdict: v1alpha1.VerdictTrusted, Signers: test.signers}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff("Image:    image\nVerdict:  Trusted\n"+test.want, b.String()); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSignersInReportsForPrograms(t *testing.T) {
	j := sample()
	j.Signers = chainOf()
	const table = `
| authority | signed | by | when | log entry | builder | source, commit |
|---|---|---|---|---|---|---|
| ` + "`release-team` | `signature` | key `4c2f8a90b1d2 until 2026-12-01T00:00:00Z`" + ` |  |  |  |  |
| ` + "`ci` | `https://slsa.dev/provenance/v1` | `https://github.com/shop/checkout/.github/workflows/build.yaml@refs/heads/main` by " +
		"`https://token.actions.githubusercontent.com` | `2026-11-20T08:00:00Z, by a transparency log` | `https://rekor.sigstore.dev 123456789` | " +
		"`https://github.com/actions/runner/github-hosted` | `git+https://github.com/shop/checkout@refs/heads/main 2f6a9c1d0b3e4f5a6b7c8d9e0f1a2b3c4d5e6f70`" + ` |
`
	if got := written(t, j, "markdown"); !strings.Contains(got, table) {
		t.Errorf("markdown lacks the table:\n%s", got)
	}
	var inJSON jsonJudgement
	if err := json.Unmarshal([]byte(written(t, j, "json")), &inJSON); err != nil {
		t.Fatal(err)
	}
	var inSARIF sarifLog
	if err := json.Unmarshal([]byte(written(t, j, "sarif")), &inSARIF); err != nil {
		t.Fatal(err)
	}
	for format, got := range map[string][]v1alpha1.SignerReference{"json": inJSON.Signers, "sarif": inSARIF.Runs[0].Properties.Signers} {
		if diff := cmp.Diff(chainOf(), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
	}
}
