// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/predicate"
	"github.com/assay-dev/assay/test/shareddata"
)

const (
	generatorID   = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v2.0.0"
	provenanceV02 = `{"builder":{"id":"` + generatorID + `"},"buildType":"https://example.com/container@v1",
		"invocation":{"configSource":{"uri":"git+https://github.com/shop/checkout@refs/tags/v1.2.3","digest":{"sha1":"693130cb6cb840a7bc9cb18c6510d536a95dc7e6"},"entryPoint":"build.yaml"}},
		"materials":[{"uri":"git+https://github.com/evil/tools@refs/heads/main","digest":{"sha1":"1111111111111111111111111111111111111111"}}]}`
	provenanceV1 = `{"buildDefinition":{"buildType":"https://example.com/container@v1",
		"externalParameters":{"workflow":{"repository":"https://github.com/shop/checkout","ref":"refs/tags/v1.2.3","path":"build.yaml"}},
		"resolvedDependencies":[{"uri":"git+https://github.com/evil/tools@refs/heads/main","digest":{"gitCommit":"1111111111111111111111111111111111111111"}}]},
		"runDetails":{"builder":{"id":"` + generatorID + `"}}}`
)

// patterns is a set of them.
func patterns(list ...v1alpha1.AttestedPattern) []v1alpha1.AttestedPattern { return list }

// provenanceBy is a provenance v0.2 of the image.
func provenanceBy(signer evidence.Signer, content string) evidence.Signed {
	return statementBy(signer, predicate.ProvenanceV02, content)
}

// builder is a workflow that signs for itself.
func builder(id string) evidence.Signer {
	return logged(evidence.Certificate{Subject: id, Issuer: githubIssuer})
}

// judgeStatement returns how one statement by anyone with a certificate does under a rule, and why.
func judgeStatement(rule v1alpha1.AttestationRule, signer evidence.Signer, content string) (Outcome, string) {
	rule.SignedBy = []v1alpha1.RuleName{"anyone"}
	got := judged{[]Policy{demanding(rule)}, under(rootAnchor, found(statementBy(signer, rule.PredicateType, content))), Circumstances{}}.verdict()
	return got.Outcome, strings.TrimPrefix(got.Rules[0].Message, "anyone states it, but ")
}

func TestProvenance(t *testing.T) {
	type rules = v1alpha1.ProvenanceRules
	const checkout, framework = "https://github.com/shop/checkout", "https://github.com/slsa-framework/*"
	is := func(field, got, want string) string { return "its " + field + " is " + got + ", want " + want }
	for name, test := range map[string]struct {
		rules   rules
		old     string // in the provenance, becomes new; nothing for none
		new     string
		refused string // why; nothing when it is not
	}{
		"the builder":                             {rules: rules{Builders: patterns(generatorID)}},
		"a pattern of builders":                   {rules: rules{Builders: patterns("x", framework)}},
		"another builder":                         {rules{Builders: patterns("https://ci.example.com", "x")}, "", "", is("builder", generatorID, "https://ci.example.com or x")},
		"the source":                              {rules: rules{Sources: patterns(checkout)}},
		"the source with git+":                    {rules: rules{Sources: patterns("git+" + checkout)}},
		"the source with .git":                    {rules: rules{Sources: patterns(checkout + ".git")}},
		"the source at its ref":                   {rules: rules{Sources: patterns(checkout + "@refs/tags/v1.2.3")}},
		"the source at another ref":               {rules{Sources: patterns(checkout + "@refs/heads/main")}, "", "", is("source", checkout+"@refs/tags/v1.2.3", checkout+"@refs/heads/main")},
		"a pattern of sources":                    {rules: rules{Sources: patterns("https://github.com/shop/*")}},
		"a pattern of sources with git+":          {rules: rules{Sources: patterns("git+https://github.com/shop/*")}},
		"another source":                          {rules{Sources: patterns("https://github.com/shop/payment")}, "", "", is("source", checkout+"@refs/tags/v1.2.3", "https://github.com/shop/payment")},
		"the ref":                                 {rules: rules{Refs: patterns("refs/tags/v1.2.3")}},
		"a pattern of refs":                       {rules: rules{Refs: patterns("refs/heads/main", "refs/tags/v*")}},
		"another ref":                             {rules{Refs: patterns("refs/heads/main")}, "", "", is("ref", "refs/tags/v1.2.3", "refs/heads/main")},
		"the build type":                          {rules: rules{BuildTypes: patterns("https://example.com/container@v1")}},
		"another build type":                      {rules{BuildTypes: patterns("https://example.com/container@v2")}, "", "", is("build type", "https://example.com/container@v1", "https://example.com/container@v2")},
		"any level of a builder":                  {rules: rules{MinLevel: 1}},
		"the level of a builder that signed":      {rules: rules{MinLevel: 3}},
		"the level of a builder nobody knows":     {rules{MinLevel: 2}, generatorID, "https://ci.example.com", "its builder https://ci.example.com is known to reach SLSA build level 1, want 2"},
		"all of it":                               {rules: rules{Builders: patterns(generatorID), Sources: patterns(checkout), Refs: patterns("refs/tags/*"), BuildTypes: patterns("*"), MinLevel: 3}},
		"SEC-33: a builder behind another host":   {rules{Builders: patterns(generatorID)}, generatorID, "https://evil.example/" + generatorID, is("builder", "https://evil.example/"+generatorID, generatorID)},
		"SEC-33: a builder that begins like it":   {rules{Builders: patterns(generatorID)}, generatorID, generatorID + "-rc.1", is("builder", generatorID+"-rc.1", generatorID)},
		"SEC-33: a fork of the builder":           {rules{Builders: patterns(framework)}, "slsa-framework/", "evil/", is("builder", strings.Replace(generatorID, "slsa-framework/", "evil/", 1), framework)},
		"SEC-33: a source that begins like it":    {rules{Sources: patterns(checkout)}, "shop/checkout", "shop/checkout-evil", is("source", checkout+"-evil@refs/tags/v1.2.3", checkout)},
		"SEC-33: a source behind a user":          {rules{Sources: patterns("https://github.com/*")}, "github.com/shop", "github.com@evil.example/shop", is("source", "https://evil.example/shop/checkout@refs/tags/v1.2.3", "https://github.com/*")},
		"SEC-33: a source of another host":        {rules{Sources: patterns(checkout)}, "github.com/shop", "github.com.evil.example/shop", is("source", "https://github.com.evil.example/shop/checkout@refs/tags/v1.2.3", checkout)},
		"SEC-33: a source that climbs out":        {rules{Sources: patterns("https://github.com/shop/*")}, "shop/checkout", "shop/../evil/checkout", is("source", "https://github.com/shop/../evil/checkout@refs/tags/v1.2.3", "https://github.com/shop/*")},
		"SEC-33: a source that climbs, escaped":   {rules{Sources: patterns("https://github.com/shop/*")}, "shop/checkout", "shop/%2e%2e/evil/checkout", is("source", "https://github.com/shop/%2e%2e/evil/checkout@refs/tags/v1.2.3", "https://github.com/shop/*")},
		"SEC-33: a branch that is named as a tag": {rules{Refs: patterns("refs/tags/v1.2.3")}, "refs/tags/v1.2.3", "refs/heads/refs/tags/v1.2.3", is("ref", "refs/heads/refs/tags/v1.2.3", "refs/tags/v1.2.3")},
		"SEC-33: what was fetched is no source":   {rules{Sources: patterns("https://github.com/evil/tools")}, "", "", is("source", checkout+"@refs/tags/v1.2.3", "https://github.com/evil/tools")},
	} {
		for predicateType, content := range map[string]string{predicate.ProvenanceV02: provenanceV02, predicate.ProvenanceV1: provenanceV1} {
			t.Run(name+" in "+predicateType, func(t *testing.T) {
				content := strings.ReplaceAll(content, test.old, test.new)
				if test.old == "" {
					content = plain[predicateType]
				}
				outcome, why := judgeStatement(v1alpha1.AttestationRule{PredicateType: predicateType, SLSA: &test.rules}, builder(generatorID), content)
				if (outcome == Trusted) != (test.refused == "") || why != test.refused {
					t.Errorf("got  %s: %s\nwant %s", outcome, why, test.refused)
				}
			})
		}
	}
}

// TestALevelIsThatOfTheBuilderWhoSigned since anybody can write any builder's name into a provenance (SEC-33).
func TestALevelIsThatOfTheBuilderWhoSigned(t *testing.T) {
	for name, test := range map[string]struct {
		signer   evidence.Signer
		builders []v1alpha1.AttestedPattern
		want     Outcome
	}{
		"the builder itself":                             {builder(generatorID), nil, Trusted},
		"somebody who writes its name":                   {workflow(), nil, Rejected},
		"the builder in another release":                 {builder(strings.Replace(generatorID, "v2.0.0", "v2.0.1", 1)), nil, Rejected},
		"somebody whose builders the policy names":       {workflow(), patterns(generatorID), Trusted},
		"somebody whose builders are named, but not it":  {workflow(), patterns("https://ci.example.com"), Rejected},
		"somebody whose builders are named by a pattern": {workflow(), patterns("*"), Trusted},
	} {
		t.Run(name, func(t *testing.T) {
			rule := v1alpha1.AttestationRule{PredicateType: predicate.ProvenanceV02, SLSA: &v1alpha1.ProvenanceRules{Builders: test.builders, MinLevel: 3}}
			if got, why := judgeStatement(rule, test.signer, provenanceV02); got != test.want {
				t.Errorf("%s: %s", got, why)
			}
		})
	}
}

func TestProvenanceThatIsNotWhatItSays(t *testing.T) {
	everything := v1alpha1.ProvenanceRules{Sources: patterns("*"), Refs: patterns("*")}
	for name, test := range map[string]struct {
		predicateType, content, refused string
	}{
		"v1 in the type of v0.2": {predicate.ProvenanceV02, provenanceV1, "provenance: malformed: it names no builder where https://slsa.dev/provenance/v0.2 has it"},
		"v0.2 in the type of v1": {predicate.ProvenanceV1, provenanceV02, "provenance: malformed: it names no builder where https://slsa.dev/provenance/v1 has it"},
		"a version of no known form": {"https://slsa.dev/provenance/v2", provenanceV1,
			`malformed provenance: its type is "https://slsa.dev/provenance/v2", want https://slsa.dev/provenance/v1 or https://slsa.dev/provenance/v0.2`},
		"no source":             {predicate.ProvenanceV02, `{"builder":{"id":"b"},"buildType":"t"}`, "it names no source, want *"},
		"materials alone":       {predicate.ProvenanceV02, `{"builder":{"id":"b"},"buildType":"t","materials":[{"uri":"git+https://github.com/shop/checkout@refs/heads/main"}]}`, "it names no source, want *"},
		"a source at no ref":    {predicate.ProvenanceV02, strings.Replace(provenanceV02, "@refs/tags/v1.2.3", "", 1), "it names no ref, want *"},
		"a builder named twice": {predicate.ProvenanceV02, strings.Replace(provenanceV02, `{"id"`, `{"id":"x","id"`, 1), `statement: malformed: the field "id" occurs twice`},
		"a second source beside the first": {predicate.ProvenanceV1, strings.Replace(provenanceV1, `"workflow"`, `"source":{"uri":"git+https://github.com/evil/tools"},"workflow"`, 1),
			"it names no ref, want *"},
	} {
		t.Run(name, func(t *testing.T) {
			outcome, why := judgeStatement(v1alpha1.AttestationRule{PredicateType: test.predicateType, SLSA: &everything}, builder(generatorID), test.content)
			if outcome != Rejected || why != test.refused {
				t.Errorf("got  %s: %s\nwant %s", outcome, why, test.refused)
			}
		})
	}
}

func TestEverySourceMustBeOneOfThose(t *testing.T) {
	two := strings.Replace(provenanceV1, `"workflow"`, `"source":{"uri":"git+https://github.com/evil/tools@refs/tags/v1.2.3"},"workflow"`, 1)
	for name, test := range map[string]struct {
		rules v1alpha1.ProvenanceRules
		want  Outcome
	}{
		"both":                  {v1alpha1.ProvenanceRules{Sources: patterns("https://github.com/shop/checkout", "https://github.com/evil/tools")}, Trusted},
		"the first":             {v1alpha1.ProvenanceRules{Sources: patterns("https://github.com/shop/checkout")}, Rejected},
		"the second":            {v1alpha1.ProvenanceRules{Sources: patterns("https://github.com/evil/tools")}, Rejected},
		"the ref of both":       {v1alpha1.ProvenanceRules{Refs: patterns("refs/tags/*")}, Trusted},
		"the second at its ref": {v1alpha1.ProvenanceRules{Sources: patterns("https://github.com/shop/checkout", "https://github.com/evil/tools@refs/heads/main")}, Rejected},
	} {
		t.Run(name, func(t *testing.T) {
			if got, why := judgeStatement(v1alpha1.AttestationRule{PredicateType: predicate.ProvenanceV1, SLSA: &test.rules}, builder(generatorID), two); got != test.want {
				t.Errorf("%s: %s", got, why)
			}
		})
	}
}

// TestRealProvenance is that of two public images. Whether its signature is good is for the finder to say.
func TestRealProvenance(t *testing.T) {
	for _, release := range []string{"v1.7.0", "v2.0.0"} {
		t.Run(release, func(t *testing.T) {
			content := realProvenance(t, shareddata.Require(t, "slsa/"+release+"/container_workflow_dispatch"))
			id := strings.Replace(generatorID, "v2.0.0", release, 1)
			passing := v1alpha1.ProvenanceRules{
				Builders: patterns(v1alpha1.AttestedPattern(id)), Sources: patterns("git+https://github.com/slsa-framework/example-package"),
				Refs: patterns("refs/tags/v*", "refs/heads/main"), BuildTypes: patterns("https://github.com/slsa-framework/slsa-github-generator/container@v1"), MinLevel: 3,
			}
			if got, why := judgeStatement(v1alpha1.AttestationRule{PredicateType: predicate.ProvenanceV02, SLSA: &passing}, builder(id), content); got != Trusted {
				t.Fatalf("%s: %s", got, why)
			}
			for field, change := range map[string]func(*v1alpha1.ProvenanceRules){
				"builder": func(r *v1alpha1.ProvenanceRules) { r.Builders = patterns(v1alpha1.AttestedPattern(id + "x")) },
				"source": func(r *v1alpha1.ProvenanceRules) {
					r.Sources = patterns("https://github.com/slsa-framework/example-packages")
				},
				"ref":        func(r *v1alpha1.ProvenanceRules) { r.Refs = patterns("refs/heads/release") },
				"build type": func(r *v1alpha1.ProvenanceRules) { r.BuildTypes = patterns("x") },
			} {
				rules := passing
				change(&rules)
				if got, why := judgeStatement(v1alpha1.AttestationRule{PredicateType: predicate.ProvenanceV02, SLSA: &rules}, builder(id), content); got != Rejected || !strings.HasPrefix(why, "its "+field+" is ") {
					t.Errorf("another %s: %s: %s", field, got, why)
				}
			}
		})
	}
}

// realProvenance returns the predicate of the SLSA attestation in an OCI layout.
func realProvenance(t *testing.T, layout string) string {
	t.Helper()
	blobs, err := filepath.Glob(filepath.Join(layout, "blobs", "sha256", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, blob := range blobs {
		content, err := os.ReadFile(blob)
		if err != nil {
			t.Fatal(err)
		}
		var envelope struct{ Payload string }
		if len(content) > 1<<20 || json.Unmarshal(content, &envelope) != nil || envelope.Payload == "" {
			continue
		}
		payload, err := base64.StdEncoding.DecodeString(envelope.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if statement, err := predicate.Parse(payload); err == nil && statement.PredicateType == predicate.ProvenanceV02 {
			return string(statement.Predicate)
		}
	}
	t.Fatal("no provenance in the layout")
	return ""
}
