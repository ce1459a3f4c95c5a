// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package predicate_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/predicate"
)

const (
	commit      = "62cb1f1e485829bafe8bbec8b9900c0cb7624fe7"
	otherCommit = "693130cb6cb840a7bc9cb18c6510d536a95dc7e6"

	provenanceV02 = `{"builder":{"id":"https://ci.example.com"},"buildType":"https://ci.example.com/type",
"invocation":{"configSource":{"uri":"git+https://github.com/shop/checkout@refs/heads/main","digest":{"sha1":"` + commit + `"},"entryPoint":"build.yaml"}},
"metadata":{"buildInvocationId":"7","buildStartedOn":"2026-11-01T06:00:00Z","buildFinishedOn":"2026-11-01T07:00:00.5+01:00"},
"materials":[{"uri":"git+https://github.com/evil/tools","digest":{"sha1":"` + otherCommit + `"}}]}`

	provenanceV1 = `{"buildDefinition":{"buildType":"https://ci.example.com/type",
"externalParameters":{"workflow":{"repository":"https://github.com/shop/checkout","ref":"refs/heads/main","path":".github/workflows/build.yaml"}},
"resolvedDependencies":[{"uri":"git+https://github.com/shop/checkout@refs/heads/main","digest":{"gitCommit":"` + commit + `"}},
{"uri":"git+https://github.com/evil/tools","digest":{"gitCommit":"` + otherCommit + `"}}]},
"runDetails":{"builder":{"id":"https://ci.example.com"},"metadata":{"invocationId":"7","startedOn":"2026-11-01T06:00:00Z","finishedOn":"2026-11-01T07:00:00.5+01:00"}}}`
)

func TestProvenance(t *testing.T) {
	main := predicate.Source{URI: "https://github.com/shop/checkout", Ref: "refs/heads/main", Commit: commit}
	evil := predicate.Source{URI: "https://github.com/evil/tools", Commit: otherCommit}
	unknownCommit := predicate.Source{URI: main.URI, Ref: main.Ref}
	workflow := `"workflow":{"repository":"https://github.com/shop/checkout","ref":"refs/heads/main","path":".github/workflows/build.yaml"}`
	for name, test := range map[string]struct {
		predicateType, from, to string
		want                    []predicate.Source
		refused                 bool
	}{
		"v0.2: the source is what was configured":                    {predicateType: predicate.ProvenanceV02, want: []predicate.Source{main}},
		"v1: the source is the workflow's":                           {predicateType: predicate.ProvenanceV1, want: []predicate.Source{main}},
		"SEC-33: v0.2: a material is no source":                      {predicate.ProvenanceV02, `"configSource"`, `"somethingElse"`, nil, false},
		"SEC-33: v1: a dependency is no source":                      {predicate.ProvenanceV1, workflow, ``, nil, false},
		"SEC-33: v0.2: no materials":                                 {predicate.ProvenanceV02, `"materials"`, `"x"`, []predicate.Source{main}, false},
		"SEC-33: v1: the commit is not another repository's":         {predicate.ProvenanceV1, `git+https://github.com/shop/checkout@`, `git+https://github.com/evil/checkout@`, []predicate.Source{unknownCommit}, false},
		"SEC-33: v1: the commit is not another branch's":             {predicate.ProvenanceV1, `checkout@refs/heads/main`, `checkout@refs/heads/evil`, []predicate.Source{unknownCommit}, false},
		"SEC-33: v1: two commits of a source are none":               {predicate.ProvenanceV1, `git+https://github.com/evil/tools`, `git+https://github.com/shop/checkout`, []predicate.Source{unknownCommit}, false},
		"SEC-33: v1: an input of a workflow_dispatch is no source":   {predicate.ProvenanceV1, workflow, `"inputs":{"source":"https://github.com/shop/checkout","workflow":{"repository":"https://github.com/shop/checkout"}}`, nil, false},
		"SEC-33: v1: a source of good name hides none":               {predicate.ProvenanceV1, workflow, workflow + `,"configSource":{"uri":"https://github.com/evil/tools.git#"}`, []predicate.Source{main, evil}, false},
		"SEC-33: v1: nor one that is no URI":                         {predicate.ProvenanceV1, workflow, workflow + `,"source":"../evil"`, []predicate.Source{main, {URI: "../evil"}}, false},
		"SEC-33: v0.2 read as v1":                                    {predicate.ProvenanceV1, provenanceV1, provenanceV02, nil, true},
		"SEC-33: v1 read as v0.2":                                    {predicate.ProvenanceV02, provenanceV02, provenanceV1, nil, true},
		"SEC-33: v0.2 with fields of v1 is v0.2":                     {predicate.ProvenanceV02, `{"builder"`, `{"runDetails":{"builder":{"id":"https://evil.example.com"}},"builder"`, []predicate.Source{main}, false},
		"v1: BuildKit's source":                                      {predicate.ProvenanceV1, workflow, `"configSource":{"uri":"https://GitHub.com/shop/checkout.git#refs/heads/main:sub","digest":{"sha1":"` + commit + `"},"path":"Dockerfile"}`, []predicate.Source{main}, false},
		"v1: BuildKit with a local folder has none":                  {predicate.ProvenanceV1, workflow, `"configSource":{"path":"Dockerfile"}`, nil, false},
		"v1: GitLab's source":                                        {predicate.ProvenanceV1, workflow, `"source":"git+https://github.com/shop/checkout/"`, []predicate.Source{{URI: main.URI, Commit: commit}}, false},
		"v1: the container-based builder's source":                   {predicate.ProvenanceV1, workflow, `"source":{"uri":"git+https://github.com/shop/checkout@refs/heads/main","digest":{"sha1":"` + commit + `"}}`, []predicate.Source{main}, false},
		"v1: Cloud Build's sources":                                  {predicate.ProvenanceV1, workflow, `"buildConfigSource":{"repository":"git+https://github.com/shop/checkout","ref":"refs/heads/main"},"sourceToBuild":{"repository":"https://github.com/evil/tools","ref":{"sha1":"x"}}`, []predicate.Source{main, evil}, false},
		"v1: a source that is said twice is there once":              {predicate.ProvenanceV1, workflow, workflow + `,"configSource":{"uri":"git+https://github.com/shop/checkout.git@refs/heads/main"}`, []predicate.Source{main}, false},
		"v1: a source that is a list":                                {predicate.ProvenanceV1, workflow, `"source":["https://github.com/shop/checkout"]`, nil, true},
		"no builder":                                                 {predicate.ProvenanceV1, `"builder"`, `"builders"`, nil, true},
		"a builder that is a list":                                   {predicate.ProvenanceV02, `{"id":"https://ci.example.com"}`, `[{"id":"https://ci.example.com"}]`, nil, true},
		"no build type":                                              {predicate.ProvenanceV02, `"buildType"`, `"BuildType"`, nil, true},
		"a time that is none":                                        {predicate.ProvenanceV02, `2026-11-01T06:00:00Z`, `yesterday`, nil, true},
		"a time without end":                                         {predicate.ProvenanceV02, `06:00:00Z`, `06:00:00.` + strings.Repeat("0", 100) + `Z`, nil, true},
		"a commit that is none is not taken":                         {predicate.ProvenanceV02, commit, "main", []predicate.Source{unknownCommit}, false},
		"SEC-22: another type":                                       {"https://slsa.dev/provenance/v1/", "", "", nil, true},
		"SEC-22: the type in another case":                           {"https://slsa.dev/Provenance/v1", "", "", nil, true},
		"SEC-23: builder twice":                                      {predicate.ProvenanceV02, `{"builder"`, `{"builder":{"id":"https://evil.example.com"},"builder"`, nil, true},
		"v0.1 of provenance, which has another form, is not guessed": {"https://slsa.dev/provenance/v0.1", "", "", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			document := provenanceV1
			if test.predicateType == predicate.ProvenanceV02 {
				document = provenanceV02
			}
			if !strings.Contains(document, test.from) {
				t.Fatalf("%s is not there to be changed", test.from)
			}
			got, err := predicate.ParseProvenance(test.predicateType, []byte(strings.Replace(document, test.from, test.to, 1)))
			if test.refused {
				if !errors.Is(err, predicate.ErrMalformed) {
					t.Errorf("got %v, %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := predicate.Provenance{
				Builder: "https://ci.example.com", BuildType: "https://ci.example.com/type", Sources: test.want, InvocationID: "7",
				StartedAt: time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC), FinishedAt: time.Date(2026, 11, 1, 6, 0, 0, 5e8, time.UTC),
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheSameSource(t *testing.T) {
	for name, test := range map[string]struct {
		wanted, got string
		same        bool
	}{
		"as it is":                                       {"https://github.com/shop/checkout", "https://github.com/shop/checkout", true},
		"with git+ on one side":                          {"https://github.com/shop/checkout", "git+https://github.com/shop/checkout@refs/heads/main", true},
		"with git+ on the other":                         {"git+https://github.com/shop/checkout", "https://github.com/shop/checkout.git", true},
		"with a slash at its end":                        {"https://github.com/shop/checkout/", "https://github.com/shop/checkout", true},
		"with a host in another case":                    {"https://GitHub.com/shop/checkout", "https://github.COM/shop/checkout", true},
		"with a user":                                    {"https://github.com/shop/checkout", "https://bot@github.com/shop/checkout", true},
		"with the ref that is wanted":                    {"git+https://github.com/shop/checkout@refs/heads/main", "https://github.com/shop/checkout#refs/heads/main", true},
		"SEC-33: another branch than is wanted":          {"git+https://github.com/shop/checkout@refs/heads/main", "git+https://github.com/shop/checkout@refs/heads/main2", false},
		"SEC-33: a tag of the branch's name":             {"git+https://github.com/shop/checkout@refs/heads/v1", "git+https://github.com/shop/checkout@refs/tags/v1", false},
		"SEC-33: no branch, and one is wanted":           {"git+https://github.com/shop/checkout@refs/heads/main", "git+https://github.com/shop/checkout", false},
		"SEC-33: another organisation":                   {"https://github.com/shop/checkout", "https://github.com/evil/checkout", false},
		"SEC-33: one that begins alike":                  {"https://github.com/shop/checkout", "https://github.com/shop/checkout-evil", false},
		"SEC-33: one below":                              {"https://github.com/shop/checkout", "https://github.com/shop/checkout/evil", false},
		"SEC-33: a host that begins alike":               {"https://github.com/shop/checkout", "https://github.com.evil.example/shop/checkout", false},
		"SEC-33: the host is the user":                   {"https://github.com/shop/checkout", "https://github.com@evil.example/shop/checkout", false},
		"SEC-33: the way back up":                        {"https://github.com/shop/checkout", "https://github.com/shop/checkout/../../evil/tools", false},
		"SEC-33: an escaped slash":                       {"https://github.com/shop/checkout", "https://github.com/shop%2Fcheckout", false},
		"SEC-33: another scheme":                         {"https://github.com/shop/checkout", "http://github.com/shop/checkout", false},
		"SEC-33: a query":                                {"https://github.com/shop/checkout", "https://github.com/shop/checkout?x=evil", false},
		"SEC-33: a path in another case":                 {"https://github.com/shop/checkout", "https://github.com/Shop/checkout", false},
		"nothing is not the same as nothing":             {"", "", false},
		"what is no URI is not the same as itself":       {"shop/checkout", "shop/checkout", false},
		"what has control characters is not the same":    {"https://github.com/shop/\x00", "https://github.com/shop/\x00", false},
		"git+ alone":                                     {"git+", "git+", false},
		"a scheme without a host is not the same":        {"git+https:github.com/shop", "git+https:github.com/shop", false},
		"SEC-33: a hash in place of the path is the ref": {"https://github.com/shop/checkout", "https://github.com#/shop/checkout", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := predicate.SameSource(test.wanted, test.got); got != test.same {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestBuildLevels(t *testing.T) {
	const generator = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v2.0.0"
	for name, test := range map[string]struct {
		builder string
		want    int
	}{
		"slsa-github-generator at a release":               {generator, 3},
		"its container-based builder":                      {strings.Replace(generator, "generator_container", "builder_container-based", 1), 3},
		"SEC-33: at a branch":                              {strings.Replace(generator, "refs/tags/v2.0.0", "refs/heads/main", 1), 1},
		"SEC-33: at a candidate of a release":              {generator + "-rc.0", 1},
		"SEC-33: at a branch of a release's name":          {strings.Replace(generator, "refs/tags/", "refs/heads/", 1), 1},
		"SEC-33: a fork":                                   {strings.Replace(generator, "slsa-framework/", "evil/", 1), 1},
		"SEC-33: behind another host":                      {"https://evil.example/" + generator, 1},
		"SEC-33: with a line after it":                     {generator + "\n", 1},
		"SEC-33: with a line before it":                    {"x\n" + generator, 1},
		"SEC-33: another workflow of it":                   {strings.Replace(generator, "generator_container_slsa3", "pre-submit", 1), 1},
		"SEC-33: dots are dots":                            {strings.Replace(generator, "github.com", "githubxcom", 1), 1},
		"a runner of GitHub":                               {"https://github.com/actions/runner/github-hosted", 2},
		"a runner of one's own":                            {"https://github.com/actions/runner/self-hosted", 1},
		"somebody's workflow":                              {"https://github.com/shop/checkout/.github/workflows/build.yaml@refs/heads/main", 1},
		"Google Cloud Build":                               {"https://cloudbuild.googleapis.com/GoogleHostedWorker", 3},
		"Google Cloud Build, as it was":                    {"https://cloudbuild.googleapis.com/GoogleHostedWorker@v0.3", 3},
		"SEC-33: one that begins like Google's":            {"https://cloudbuild.googleapis.com/GoogleHostedWorker@v0.3x", 1},
		"a builder that nobody knows still has provenance": {"x", 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := predicate.BuildLevel(test.builder); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}
