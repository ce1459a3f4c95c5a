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

func TestSummaries(t *testing.T) {
	const plain = `{"verifier":{"id":"https://example.com/verifier"},"timeVerified":"2026-11-01T06:00:00Z","resourceUri":"oci://shop/checkout",
"policy":{"uri":"https://example.com/policy","digest":{"sha256":"` + plainDigest + `"}},"inputAttestations":[{"uri":"https://example.com/a","digest":{"sha256":"` + plainDigest +
		`"}}],"verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_2","SLSA_SOURCE_LEVEL_3"],"slsaVersion":"1.0"}`
	for name, test := range map[string]struct {
		from, to string
		change   func(*predicate.Summary) // nil for a refusal
		level    int
	}{
		"passed":                               {change: func(*predicate.Summary) {}, level: 2},
		"failed":                               {`"PASSED"`, `"FAILED"`, func(s *predicate.Summary) { s.Result = predicate.Failed }, 2},
		"the highest level counts":             {`"SLSA_SOURCE_LEVEL_3"`, `"SLSA_BUILD_LEVEL_3"`, func(s *predicate.Summary) { s.Levels[1] = "SLSA_BUILD_LEVEL_3" }, 3},
		"an unevaluated level is none":         {`"SLSA_BUILD_LEVEL_2"`, `"SLSA_BUILD_LEVEL_UNEVALUATED"`, func(s *predicate.Summary) { s.Levels[0] = "SLSA_BUILD_LEVEL_UNEVALUATED" }, 0},
		"a level that is not defined is none":  {`"SLSA_BUILD_LEVEL_2"`, `"SLSA_BUILD_LEVEL_99"`, func(s *predicate.Summary) { s.Levels[0] = "SLSA_BUILD_LEVEL_99" }, 0},
		"nor is one beyond those of today":     {`"SLSA_BUILD_LEVEL_2"`, `"SLSA_BUILD_LEVEL_9"`, func(s *predicate.Summary) { s.Levels[0] = "SLSA_BUILD_LEVEL_9" }, 0},
		"a result in another case":             {`"PASSED"`, `"passed"`, nil, 0},
		"no result":                            {`"verificationResult"`, `"VerificationResult"`, nil, 0},
		"no verifier":                          {`https://example.com/verifier`, ``, nil, 0},
		"a verifier that is a text":            {`{"id":"https://example.com/verifier"}`, `"https://example.com/verifier"`, nil, 0},
		"levels that are one text":             {`["SLSA_BUILD_LEVEL_2","SLSA_SOURCE_LEVEL_3"]`, `"SLSA_BUILD_LEVEL_2"`, nil, 0},
		"too many levels":                      {`"verifiedLevels":[`, `"verifiedLevels":[` + strings.Repeat(`"x",`, 10_000), nil, 0},
		"too many inputs":                      {`"inputAttestations":[`, `"inputAttestations":[` + strings.Repeat(`{},`, 10_000), nil, 0},
		"a policy's digest that is none":       {plainDigest, "x", nil, 0},
		"SEC-23: the result twice":             {`"verificationResult"`, `"verificationResult":"FAILED","verificationResult"`, nil, 0},
		"a level as v0.2 has it is not a list": {`"verifiedLevels":["SLSA_BUILD_LEVEL_2","SLSA_SOURCE_LEVEL_3"]`, `"policy_level":"SLSA_LEVEL_3"`, func(s *predicate.Summary) { s.Levels = nil }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := predicate.ParseSummary([]byte(strings.Replace(plain, test.from, test.to, 1)))
			if test.change == nil {
				if !errors.Is(err, predicate.ErrMalformed) {
					t.Errorf("got %v, %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := predicate.Summary{
				Verifier: "https://example.com/verifier", ResourceURI: "oci://shop/checkout", Result: predicate.Passed,
				Levels:     []string{"SLSA_BUILD_LEVEL_2", "SLSA_SOURCE_LEVEL_3"},
				Policy:     predicate.Resource{URI: "https://example.com/policy", SHA256: plainDigest},
				Inputs:     []predicate.Resource{{URI: "https://example.com/a", SHA256: plainDigest}},
				VerifiedAt: time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC),
			}
			test.change(&want)
			if diff := cmp.Diff(want, got); diff != "" || got.BuildLevel() != test.level {
				t.Errorf("level %d, want %d\n%s", got.BuildLevel(), test.level, diff)
			}
		})
	}
}

func TestScans(t *testing.T) {
	const plain = `{"invocation":{"parameters":null,"uri":"","event_id":"","builder.id":""},"scanner":{"uri":"pkg:github/aquasecurity/trivy@0.72.0","version":"0.72.0",
"db":{"uri":"ghcr.io/aquasecurity/trivy-db","version":"2"},"result":{"Results":[1e3]}},"metadata":{"scanStartedOn":"2021-08-06T17:45:50.52Z","scanFinishedOn":"2021-08-06T17:50:50.52Z"}}`
	at := time.Date(2021, 8, 6, 17, 50, 50, 520_000_000, time.UTC)
	for name, test := range map[string]struct {
		from, to string
		finished time.Time
		refused  bool
	}{
		"as cosign's specification has it":     {finished: at},
		"a time in another zone":               {"17:50:50.52Z", "19:50:50.52+02:00", at, false},
		"a time in whole seconds":              {"17:50:50.52Z", "17:50:50Z", at.Truncate(time.Second), false},
		"no time, as the specification has it": {"2021-08-06T17:50:50.52Z", "", time.Time{}, false},
		"no time, as Go writes it":             {"2021-08-06T17:50:50.52Z", "0001-01-01T00:00:00Z", time.Time{}, false},
		"a time that is null":                  {`"2021-08-06T17:50:50.52Z"`, "null", time.Time{}, false},
		"no metadata":                          {`"metadata"`, `"other"`, time.Time{}, false},
		"a time that is a number":              {`"2021-08-06T17:50:50.52Z"`, "1628272250", time.Time{}, true},
		"a time without a zone":                {"17:50:50.52Z", "17:50:50.52", time.Time{}, true},
		"no scanner":                           {`"scanner"`, `"Scanner"`, time.Time{}, true},
		"SEC-23: the time twice":               {`"scanFinishedOn"`, `"scanFinishedOn":"2026-08-06T17:50:50.52Z","scanFinishedOn"`, time.Time{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := predicate.ParseScan([]byte(strings.Replace(plain, test.from, test.to, 1)))
			if test.refused {
				if !errors.Is(err, predicate.ErrMalformed) {
					t.Errorf("got %v, %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := predicate.Scan{Scanner: "pkg:github/aquasecurity/trivy@0.72.0", ScannerVersion: "0.72.0", Database: "ghcr.io/aquasecurity/trivy-db",
				DatabaseVersion: "2", StartedAt: got.StartedAt, FinishedAt: test.finished}
			if diff := cmp.Diff(want, got); diff != "" || got.FinishedAt.IsZero() != test.finished.IsZero() {
				t.Error(diff)
			}
		})
	}
}

func TestTestResults(t *testing.T) {
	const plain = `{"result":"PASSED","configuration":[{"name":".github/workflows/ci.yml","digest":{"gitBlob":"abc"}}],"url":"https://example.com/1",
"passedTests":["a","b"],"warnedTests":["c"],"failedTests":[]}`
	for name, test := range map[string]struct {
		from, to, want string
	}{
		"passed":                   {"", "", predicate.Passed},
		"warned":                   {"PASSED", "WARNED", predicate.Warned},
		"failed":                   {"PASSED", "FAILED", predicate.Failed},
		"another result":           {"PASSED", "PASSED ", ""},
		"no result":                {`"result"`, `"Result"`, ""},
		"tests that are objects":   {`["c"]`, `[{"name":"c"}]`, ""},
		"too many tests":           {`["c"`, `["c"` + strings.Repeat(`,"c"`, 10_000), ""},
		"too many configurations":  {`"configuration":[`, `"configuration":[` + strings.Repeat(`{},`, 10_000), ""},
		"a test without end":       {`"c"`, `"` + strings.Repeat("c", 3000) + `"`, ""},
		"SEC-23: the result twice": {`{"result"`, `{"result":"FAILED","result"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := predicate.ParseTestResult([]byte(strings.Replace(plain, test.from, test.to, 1)))
			if test.want == "" {
				if !errors.Is(err, predicate.ErrMalformed) {
					t.Errorf("got %v, %v", got, err)
				}
				return
			}
			want := predicate.TestResult{Result: test.want, Configuration: []predicate.Resource{{Name: ".github/workflows/ci.yml"}},
				URL: "https://example.com/1", Passed: []string{"a", "b"}, Warned: []string{"c"}}
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestSBOMs(t *testing.T) {
	const (
		spdx      = `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"x","packages":[]}`
		spdx3     = `{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[{"type":"SpdxDocument"}]}`
		cyclonedx = `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1}`
	)
	quoted := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }
	for name, test := range map[string]struct {
		predicateType, document string
		good                    bool
	}{
		"SPDX 2":                               {predicate.SPDX, spdx, true},
		"SPDX 3":                               {predicate.SPDX, spdx3, true},
		"SPDX with a version":                  {predicate.SPDX + "/v2.3", spdx, true},
		"CycloneDX":                            {predicate.CycloneDX, cyclonedx, true},
		"CycloneDX with a version":             {predicate.CycloneDX + "/1.6", cyclonedx, true},
		"SPDX in an old cosign's wrapping":     {predicate.SPDX, `{"Data":` + spdx + `,"Timestamp":"x"}`, true},
		"CycloneDX in it, as a text":           {predicate.CycloneDX, `{"Data":` + quoted(cyclonedx) + `}`, true},
		"SEC-22: CycloneDX that is SPDX":       {predicate.CycloneDX, spdx, false},
		"SEC-22: SPDX that is CycloneDX":       {predicate.SPDX, cyclonedx, false},
		"SEC-22: a type that begins alike":     {predicate.SPDX + "s", spdx, false},
		"SEC-22: a type with a version in it":  {predicate.SPDX + "2.3", spdx, false},
		"SEC-22: a type with a slash":          {predicate.SPDX + "/", spdx, false},
		"SEC-22: a type in another case":       {strings.ToLower(predicate.SPDX), spdx, false},
		"an empty object":                      {predicate.SPDX, `{}`, false},
		"SPDX in a wrapping that is a list":    {predicate.SPDX, `{"Data":[` + spdx + `]}`, false},
		"tags and values in a wrapping":        {predicate.SPDX, `{"Data":"SPDXVersion: SPDX-2.3"}`, false},
		"SPDX of no version":                   {predicate.SPDX, strings.Replace(spdx, "SPDX-2.3", "2.3", 1), false},
		"SPDX that is a part of a document":    {predicate.SPDX, strings.Replace(spdx, "SPDXRef-DOCUMENT", "SPDXRef-x", 1), false},
		"SPDX 3 with nothing in it":            {predicate.SPDX, strings.Replace(spdx3, `{"type":"SpdxDocument"}`, "", 1), false},
		"CycloneDX of a version to come":       {predicate.CycloneDX, strings.Replace(cyclonedx, "1.6", "2.0", 1), false},
		"SEC-23: the format twice":             {predicate.CycloneDX, strings.Replace(cyclonedx, "{", `{"bomFormat":"x",`, 1), false},
		"SEC-23: the format twice in the text": {predicate.CycloneDX, `{"Data":` + quoted(strings.Replace(cyclonedx, "{", `{"bomFormat":"x",`, 1)) + `}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := predicate.CheckSBOM(test.predicateType, []byte(test.document))
			if test.good != (err == nil) || err != nil && !errors.Is(err, predicate.ErrMalformed) {
				t.Errorf("got %v", err)
			}
		})
	}
}
