// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package predicate_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/predicate"
	"github.com/assay-dev/assay/test/shareddata"
)

const (
	plainStatement = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"shop/checkout","digest":{"sha256":"` + plainDigest +
		`"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{"a":1}}`
	plainDigest = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)

func TestStatements(t *testing.T) {
	for name, test := range map[string]struct {
		from, to string
		want     []predicate.Subject // nil for a refusal
	}{
		"version 1 is read":                         {want: []predicate.Subject{{Name: "shop/checkout", SHA256: plainDigest}}},
		"version 0.1 is read":                       {"Statement/v1", "Statement/v0.1", []predicate.Subject{{Name: "shop/checkout", SHA256: plainDigest}}},
		"an unknown field is passed over":           {`{"_type"`, `{"x":[{}],"_type"`, []predicate.Subject{{Name: "shop/checkout", SHA256: plainDigest}}},
		"SEC-33: of many digests the sha256 counts": {`{"sha256":`, `{"sha1":"bb","sha512":"cc","sha256":`, []predicate.Subject{{Name: "shop/checkout", SHA256: plainDigest}}},
		"SEC-33: a subject with sha1 alone is none": {`"sha256"`, `"sha1"`, []predicate.Subject{{Name: "shop/checkout"}}},
		"SEC-22: another _type":                     {"Statement/v1", "Statement/v1/", nil},
		"SEC-22: a _type in another case":           {"Statement/v1", "statement/v1", nil},
		"no predicate type":                         {`"predicateType":"https://slsa.dev/provenance/v1",`, "", nil},
		"a predicate that is a text":                {`{"a":1}`, `"a"`, nil},
		"SEC-22: two predicates":                    {`"predicate":`, `"predicate":{},"predicate":`, nil},
		"SEC-22: two predicate types":               {`"predicateType":`, `"predicateType":"x","predicateType":`, nil},
		"a field twice, deep in the predicate":      {`{"a":1}`, `{"a":[{"b":1,"\u0062":2}]}`, nil},
		"a digest in upper case":                    {plainDigest, strings.ToUpper(plainDigest), nil},
		"a digest that is too short":                {plainDigest, plainDigest[1:], nil},
		"a digest that is a number":                 {`"` + plainDigest + `"`, "1", nil},
		"no subject":                                {`{"name":"shop/checkout","digest":{"sha256":"` + plainDigest + `"}}`, "", nil},
		"too many subjects":                         {`"subject":[`, `"subject":[` + strings.Repeat("{},", 1024), nil},
		"SEC-23: text after it":                     {`{"a":1}}`, `{"a":1}}{}`, nil},
		"SEC-23: no UTF-8":                          {`shop`, "sh\xffp", nil},
		"SEC-23: a number without end":              {`{"a":1}`, `{"a":1` + strings.Repeat("0", 1000) + `}`, nil},
		"SEC-23: a number that is too large":        {`{"a":1}`, `{"a":1e999}`, nil},
		"SEC-23: nested without end":                {`{"a":1}`, `{"a":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`, nil},
		"SEC-23: cut off":                           {`"predicate":{"a":1}}`, `"predicate":{"a":1}`, nil},
		"SEC-23: larger than the bound":             {`{"a":1}`, `{"a":"` + strings.Repeat("x", predicate.MaxSize) + `"}`, nil},
		"SEC-23: more values than the bound":        {`{"a":1}`, `{"a":[` + strings.Repeat("0,", 3<<20) + `0]}`, nil},
		"a name without end":                        {`shop`, strings.Repeat("x", 3000), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := predicate.Parse([]byte(strings.Replace(plainStatement, test.from, test.to, 1)))
			if test.want == nil {
				if !errors.Is(err, predicate.ErrMalformed) || len(err.Error()) > 256 {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := predicate.Statement{PredicateType: predicate.ProvenanceV1, Subjects: test.want, Predicate: json.RawMessage(`{"a":1}`)}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodedForExpressions(t *testing.T) {
	got, err := predicate.Decode([]byte(`{"whole":9007199254740993,"half":0.5,"large":1e30,"list":[true,null,"x",{}],"beyond":18446744073709551616}`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"whole": int64(9007199254740993), "half": 0.5, "large": 1e30, "list": []any{true, nil, "x", map[string]any{}},
		"beyond": 18446744073709551616.0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for name, document := range map[string]string{
		"no object":       `[]`,
		"nothing":         ``,
		"twice":           `{"a":1,"a":1}`,
		"too many values": `{"a":[` + strings.Repeat("0,", 300_000) + `0]}`,
		"too deep":        strings.Repeat(`{"a":`, 65) + `1` + strings.Repeat(`}`, 65),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := predicate.Decode([]byte(document)); !errors.Is(err, predicate.ErrMalformed) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// realStatement returns the payload of the DSSE envelope in a file.
func realStatement(t *testing.T, path string) predicate.Statement {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var envelope struct{ Payload []byte }
	if err := json.Unmarshal(content, &envelope); err != nil {
		t.Fatal(err)
	}
	statement, err := predicate.Parse(envelope.Payload)
	if err != nil {
		t.Fatal(err)
	}
	return statement
}

func TestRealProvenance(t *testing.T) {
	for version, test := range map[string]struct {
		blob, image string
		want        predicate.Provenance
	}{
		"v1.7.0": {
			"4a1b72c77c15781687300c3b0362513b5b040ac33dcaee4e245c24621d494d4d", "ca6221e2d0def24e302530f727689a2ab8539a690c740527db33a520284cf141",
			predicate.Provenance{Sources: []predicate.Source{{Ref: "refs/heads/main", Commit: "62cb1f1e485829bafe8bbec8b9900c0cb7624fe7"}}},
		},
		"v2.0.0": {
			"1a16dff13cea8be5dd3e4d31640da5f9b6c8a3ff879f728ec8be5d9e2b17499f", "55aee984fd6b1d0e0a19a55265d10d40063a2212bdbabd75b202b1728236548d",
			predicate.Provenance{Sources: []predicate.Source{{Ref: "refs/tags/v13.0.30", Commit: "693130cb6cb840a7bc9cb18c6510d536a95dc7e6"}}},
		},
	} {
		t.Run(version, func(t *testing.T) {
			folder := shareddata.Require(t, "slsa/"+version+"/container_workflow_dispatch")
			statement := realStatement(t, filepath.Join(folder, "blobs", "sha256", test.blob))
			if len(statement.Subjects) != 1 || statement.Subjects[0].SHA256 != test.image {
				t.Errorf("it is about %v", statement.Subjects)
			}
			got, err := predicate.ParseProvenance(statement.PredicateType, statement.Predicate)
			if err != nil {
				t.Fatal(err)
			}
			test.want.Builder = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/" + version
			test.want.BuildType = "https://github.com/slsa-framework/slsa-github-generator/container@v1"
			test.want.Sources[0].URI = "https://github.com/slsa-framework/example-package"
			test.want.InvocationID = got.InvocationID
			if diff := cmp.Diff(test.want, got); diff != "" || got.InvocationID == "" {
				t.Errorf("invocation %q\n%s", got.InvocationID, diff)
			}
			if level := predicate.BuildLevel(got.Builder); level != 3 {
				t.Errorf("level %d", level)
			}
			if !predicate.SameSource("git+https://github.com/slsa-framework/example-package", got.Sources[0].String()) {
				t.Error("the source is another")
			}
			if _, err := predicate.Decode(statement.Predicate); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRealSummary(t *testing.T) {
	statement := realStatement(t, shareddata.Require(t, "vsa/gke-gce-pre.bcid-vsa.jsonl"))
	got, err := predicate.ParseSummary(statement.Predicate)
	if err != nil {
		t.Fatal(err)
	}
	want := predicate.Summary{
		Verifier: "https://bcid.corp.google.com/verifier/bcid_package_enforcer/v0.1", Result: predicate.Passed,
		ResourceURI: "gce_image://gke-node-images:gke-12615-gke1418000-cos-101-17162-463-29-c-cgpv1-pre",
		Levels:      []string{"BCID_L1", "SLSA_BUILD_LEVEL_2"},
		Policy: predicate.Resource{URI: "googlefile:/google_src/files/642513192/depot/google3/production/security/bcid/software/" +
			"gce_image/gke/vm_images.sw_policy.textproto"},
		VerifiedAt: time.Date(2024, 6, 12, 7, 24, 34, 351608000, time.UTC),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if statement.PredicateType != predicate.SummaryV1 || got.BuildLevel() != 2 {
		t.Errorf("%s, level %d", statement.PredicateType, got.BuildLevel())
	}
	if diff := cmp.Diff([]predicate.Subject{{Name: "_"}}, statement.Subjects); diff != "" {
		t.Errorf("a machine image has no digest of an image: %s", diff)
	}
}
