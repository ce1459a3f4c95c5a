// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/predicate"
)

// TestCVE_2025_62375: go-witness took for verified what a document said of itself. What a provenance says of where it comes from counts by
// who signed it, and only where its type has it: neither what was fetched nor what is missing makes a source. SEC-33, with GHSA-r2xv.
func TestCVE_2025_62375(t *testing.T) {
	const source = "https://github.com/shop/checkout"
	v02 := func(rest string) string {
		return `{"builder":{"id":"` + generatorID + `"},"buildType":"t"` + rest + `}`
	}
	v1 := func(parameters, rest string) string {
		return `{"buildDefinition":{"buildType":"t","externalParameters":` + parameters + rest + `},"runDetails":{"builder":{"id":"` + generatorID + `"}}}`
	}
	const configured = `,"invocation":{"configSource":{"uri":"git+` + source + `@refs/heads/main"}}`
	const fetched = `[{"uri":"git+` + source + `@refs/heads/main","digest":{"sha1":"693130cb6cb840a7bc9cb18c6510d536a95dc7e6"}}]`
	const workflowOf = `{"workflow":{"repository":"` + source + `","ref":"refs/heads/main","path":"build.yaml"}}`
	for name, test := range map[string]struct {
		predicateType, content string
		want                   Outcome
	}{
		"v0.2 without materials":                             {predicate.ProvenanceV02, v02(configured), Trusted},
		"v0.2 with materials that are empty":                 {predicate.ProvenanceV02, v02(configured + `,"materials":[]`), Trusted},
		"v0.2 with materials that are null":                  {predicate.ProvenanceV02, v02(configured + `,"materials":null`), Trusted},
		"v0.2 with the source among the materials alone":     {predicate.ProvenanceV02, v02(`,"materials":` + fetched), Rejected},
		"v0.2 with neither":                                  {predicate.ProvenanceV02, v02(``), Rejected},
		"v0.2 with an invocation that is empty":              {predicate.ProvenanceV02, v02(`,"invocation":{},"materials":` + fetched), Rejected},
		"v0.2 with another source, and it in the materials":  {predicate.ProvenanceV02, v02(strings.Replace(configured, "shop", "evil", 1) + `,"materials":` + fetched), Rejected},
		"v0.2 with the source in the parameters":             {predicate.ProvenanceV02, v02(`,"invocation":{"parameters":` + workflowOf + `}`), Rejected},
		"v0.2 with materials that are a text":                {predicate.ProvenanceV02, v02(configured + `,"materials":"x"`), Rejected},
		"v1 without dependencies":                            {predicate.ProvenanceV1, v1(workflowOf, ``), Trusted},
		"v1 with dependencies that are empty":                {predicate.ProvenanceV1, v1(workflowOf, `,"resolvedDependencies":[]`), Trusted},
		"v1 with the source among the dependencies alone":    {predicate.ProvenanceV1, v1(`{}`, `,"resolvedDependencies":`+fetched), Rejected},
		"v1 with neither":                                    {predicate.ProvenanceV1, v1(`{}`, ``), Rejected},
		"v1 with parameters that are null":                   {predicate.ProvenanceV1, v1(`null`, `,"resolvedDependencies":`+fetched), Rejected},
		"v1 with another source, and it in the dependencies": {predicate.ProvenanceV1, v1(strings.Replace(workflowOf, "shop", "evil", 1), `,"resolvedDependencies":`+fetched), Rejected},
		"v1 with the source in the builder's own parameters": {predicate.ProvenanceV1, v1(`{}`, `,"internalParameters":`+workflowOf), Rejected},
		"v1 with the source as an input of a dispatch":       {predicate.ProvenanceV1, v1(`{"inputs":`+workflowOf+`}`, ``), Rejected},
		"v0.2 in the type of v1":                             {predicate.ProvenanceV1, v02(configured), Rejected},
		"v1 in the type of v0.2":                             {predicate.ProvenanceV02, v1(workflowOf, ``), Rejected},
	} {
		t.Run(name, func(t *testing.T) {
			rule := v1alpha1.AttestationRule{PredicateType: test.predicateType, SLSA: &v1alpha1.ProvenanceRules{
				Builders: patterns(generatorID), Sources: patterns(source), Refs: patterns("refs/heads/main"),
			}}
			if got, why := judgeStatement(rule, builder(generatorID), test.content); got != test.want {
				t.Errorf("%s: %s", got, why)
			}
			// Whoever else says the same of itself is a stranger.
			rule.SignedBy = []v1alpha1.RuleName{"ci"}
			e := under(rootAnchor, found(statementBy(builder(generatorID), test.predicateType, test.content)))
			if got := (judged{[]Policy{demanding(rule)}, e, Circumstances{}}).verdict(); got.Outcome != Rejected || got.Reason() != v1alpha1.ReasonAttestationMissing {
				t.Errorf("by a stranger: %s, %s", got.Outcome, got.Reason())
			}
		})
	}
}

// TestGHSA_r2xv: what a statement is about is what was found of it by SHA-256, and its own words change nothing. SEC-33.
func TestGHSA_r2xv(t *testing.T) {
	another := image.DigestOf([]byte("another image"))
	subject := func(digests string) evidence.Signed {
		s := review(`{}`, another)
		s.Manifests = nil
		s.Statement = fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","predicateType":%q,"subject":[{"name":%q,"digest":{%s}}],"predicate":{}}`,
			reviewType, checkout.String(), digests)
		return s
	}
	for name, statement := range map[string]evidence.Signed{
		"about another image":                            review(`{}`, another),
		"about the image by SHA-1 alone":                 subject(`"sha1":"` + checkout.Digest.Hex()[:40] + `"`),
		"about the image by SHA-512, and another by 256": subject(`"sha256":"` + another.Hex() + `","sha512":"` + strings.Repeat(checkout.Digest.Hex(), 2) + `"`),
		"about the image by its name":                    subject(`"sha256":"` + another.Hex() + `"`),
		"about nothing":                                  subject(``),
	} {
		t.Run(name, func(t *testing.T) {
			got := judged{[]Policy{reviewed("ci")}, attestedBy(statement), Circumstances{}}.verdict()
			if got.Outcome != Rejected || got.Reason() != v1alpha1.ReasonAttestationMissing {
				t.Errorf("%s, %s: %s", got.Outcome, got.Reason(), got.Message())
			}
		})
	}
	if got := (judged{[]Policy{reviewed("ci")}, attestedBy(review(`{}`)), Circumstances{}}).verdict(); got.Outcome != Trusted {
		t.Errorf("about the image: %s", got.Message())
	}
}
