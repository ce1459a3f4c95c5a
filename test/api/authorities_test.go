// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import "strings"

const (
	oneText     = "exactly one of the fields in [inline configMapKeyRef secretKeyRef] must be set"
	oneDocument = "exactly one of the fields in [configMapKeyRef secretKeyRef] must be set"
)

// authorityCases are those of authorities, and of where what they are made of stands.
func authorityCases() map[string]struct{ kind, spec, refused string } {
	const (
		policy = "ImagePolicy"

		oneOf       = "exactly one of the fields in [key keyless certificate] must be set"
		oneKeyPlace = "exactly one of the fields in [inline configMapKeyRef secretKeyRef kms] must be set"
		window      = "notBefore must be earlier than notAfter"
		oneIssuer   = "exactly one of the fields in [issuer issuerRegExp] must be set"
		oneSubject  = "exactly one of the fields in [subject subjectRegExp] must be set"
		subject     = "at most one of the fields in [subject subjectRegExp] may be set"
	)
	authority := func(fields string) string { return "authorities: [{name: ci" + fields + "}]" }
	key := func(fields string) string { return authority(", key: {" + fields + "}") }
	keyless := func(fields string) string {
		return authority(", keyless: {identities: [{issuer: a, subject: b}]" + fields + "}")
	}
	identity := func(fields string) string { return authority(", keyless: {identities: [{" + fields + "}]}") }
	certificate := func(fields string) string { return authority(", certificate: {" + fields + "}") }
	return map[string]struct{ kind, spec, refused string }{
		"an authority by nothing":                       {policy, authority(""), oneOf},
		"an authority by two things":                    {policy, authority(", key: {inline: PEM}, certificate: {chain: {inline: PEM}}"), oneOf},
		"a key in a ConfigMap":                          {policy, key("configMapKeyRef: {name: a, key: b}"), ""},
		"a key in a Secret":                             {policy, key("secretKeyRef: {name: a, key: b}"), ""},
		"a key in a service":                            {policy, key(`kms: "hashivault://release"`), ""},
		"a key in a service that is no URI":             {policy, key("kms: release"), "key.kms"},
		"a key nowhere":                                 {policy, key(""), oneKeyPlace},
		"a key in two places":                           {policy, key("inline: PEM, configMapKeyRef: {name: a, key: b}"), oneKeyPlace},
		"a key that is too long":                        {policy, key("inline: " + strings.Repeat("a", 8193)), "key.inline"},
		"a key in a ConfigMap of another namespace":     {policy, key("configMapKeyRef: {name: other/keys, key: b}"), "configMapKeyRef.name"},
		"a key in a Secret of another namespace":        {policy, key("secretKeyRef: {name: other/keys, key: b}"), "secretKeyRef.name"},
		"a key with a beginning":                        {policy, key(`inline: PEM, notBefore: "2026-01-31T00:00:00Z"`), ""},
		"a key with an end":                             {policy, key(`inline: PEM, notAfter: "2027-01-31T00:00:00Z"`), ""},
		"a key with a beginning and an end":             {policy, key(`inline: PEM, notBefore: "2026-01-31T00:00:00Z", notAfter: "2026-01-31T00:00:01Z"`), ""},
		"a key that ends when it begins":                {policy, key(`inline: PEM, notBefore: "2026-01-31T00:00:00Z", notAfter: "2026-01-31T00:00:00Z"`), window},
		"a key that ends before it begins":              {policy, key(`inline: PEM, notBefore: "2027-01-31T00:00:00Z", notAfter: "2026-01-31T00:00:00Z"`), window},
		"a key that ends on a day":                      {policy, key(`inline: PEM, notAfter: "2027-01-31"`), "key.notAfter"},
		"a key with a log":                              {policy, key("inline: PEM, transparencyLog: Required"), ""},
		"a key with a log now and then":                 {policy, key("inline: PEM, transparencyLog: Sometimes"), "Unsupported value"},
		"a key with a trust root":                       {policy, key("inline: PEM, trustRoot: {configMapKeyRef: {name: a, key: b}}"), ""},
		"a key with a trust root nowhere":               {policy, key("inline: PEM, trustRoot: {}"), oneDocument},
		"a key with a trust root in the policy":         {policy, key("inline: PEM, trustRoot: {inline: '{}'}"), "trustRoot"},
		"a key with timestamps":                         {policy, key("inline: PEM, timestamps: {secretKeyRef: {name: a, key: b}}"), ""},
		"a key with timestamps from nowhere":            {policy, key("inline: PEM, timestamps: {}"), oneText},
		"identities":                                    {policy, keyless(""), ""},
		"identities under a trust root":                 {policy, keyless(", trustRoot: {secretKeyRef: {name: a, key: b}}"), ""},
		"identities under two trust roots":              {policy, keyless(", trustRoot: {configMapKeyRef: {name: a, key: b}, secretKeyRef: {name: a, key: b}}"), oneDocument},
		"identities without a log":                      {policy, keyless(", transparencyLog: Optional"), ""},
		"identities with timestamps":                    {policy, keyless(", timestamps: {inline: PEM}"), ""},
		"identities with timestamps from two places":    {policy, keyless(", timestamps: {inline: PEM, secretKeyRef: {name: a, key: b}}"), oneText},
		"no identities":                                 {policy, authority(", keyless: {}"), "keyless.identities: Required value"},
		"an empty list of identities":                   {policy, authority(", keyless: {identities: []}"), "keyless.identities"},
		"an identity by expressions":                    {policy, identity("issuerRegExp: a, subjectRegExp: b"), ""},
		"an identity with everything":                   {policy, identity("issuer: a, subject: b, sourceRepository: c, sourceRef: d, workflow: e, trigger: f"), ""},
		"an identity without an issuer":                 {policy, identity("subject: b"), oneIssuer},
		"an identity of two issuers":                    {policy, identity("issuer: a, issuerRegExp: a, subject: b"), oneIssuer},
		"an identity without a subject":                 {policy, identity("issuer: a, sourceRepository: c"), oneSubject},
		"an identity of two subjects":                   {policy, identity("issuer: a, subject: b, subjectRegExp: b"), oneSubject},
		"an identity of no text":                        {policy, identity(`issuer: "", subject: b`), "issuer"},
		"an identity that is too long":                  {policy, identity("issuer: a, subject: " + strings.Repeat("b", 513)), "subject"},
		"a chain of certificates":                       {policy, certificate("chain: {inline: PEM}"), ""},
		"a chain from nowhere":                          {policy, certificate("chain: {}"), oneText},
		"a certificate authority without a chain":       {policy, certificate("subject: a"), "certificate.chain: Required value"},
		"a chain with a subject":                        {policy, certificate("chain: {inline: PEM}, subject: a"), ""},
		"a chain with a subject by an expression":       {policy, certificate("chain: {inline: PEM}, subjectRegExp: a"), ""},
		"a chain with two subjects":                     {policy, certificate("chain: {inline: PEM}, subject: a, subjectRegExp: a"), subject},
		"a chain with timestamps":                       {policy, certificate("chain: {inline: PEM}, timestamps: {inline: PEM}"), ""},
		"a chain with timestamps from nowhere":          {policy, certificate("chain: {inline: PEM}, timestamps: {}"), oneText},
		"a chain with a log":                            {policy, certificate("chain: {inline: PEM}, transparencyLog: Required, trustRoot: {configMapKeyRef: {name: a, key: b}}"), ""},
		"a chain with a trust root from nowhere":        {policy, certificate("chain: {inline: PEM}, trustRoot: {}"), oneDocument},
		"a chain that is too long":                      {policy, certificate("chain: {inline: " + strings.Repeat("a", 32769) + "}"), "chain.inline"},
		"the same authority twice":                      {policy, "authorities: [{name: ci, key: {inline: PEM}}, {name: ci, key: {inline: PEM}}]", "Duplicate value"},
		"more authorities than anybody can tell apart":  {policy, "authorities: [" + strings.Repeat("{name: ci, key: {inline: PEM}},", 33) + "]", "Too many"},
		"more identities than anybody can tell apart":   {policy, authority(", keyless: {identities: [" + strings.Repeat("{issuer: a, subject: b},", 33) + "]}"), "Too many"},
		"a field of a certificate that is not compared": {policy, identity("issuer: a, subject: b, runner: c"), "runner"},
	}
}

// attestationCases are those of attestations and layouts.
func attestationCases() map[string]struct{ kind, spec, refused string } {
	const (
		policy  = "ImagePolicy"
		cluster = "ClusterImagePolicy"

		known     = "attestations[].signedBy must name entries of authorities"
		slsaOnly  = "slsa is for predicate types https://slsa.dev/provenance/v0.2 and v1"
		scanOnly  = "scan is for predicate types https://cosign.sigstore.dev/attestation/vuln and vuln/v1"
		vsaOnly   = "vsa is for predicate type https://slsa.dev/verification_summary/v1"
		testsOnly = "testResult is for predicate type https://in-toto.io/attestation/test-result/v0.1"
		oneKind   = "at most one of the fields in [slsa scan vsa testResult] may be set"

		slsa   = "predicateType: https://slsa.dev/provenance/v1"
		scan   = "predicateType: https://cosign.sigstore.dev/attestation/vuln/v1"
		vsa    = "predicateType: https://slsa.dev/verification_summary/v1"
		tests  = "predicateType: https://in-toto.io/attestation/test-result/v0.1"
		review = "predicateType: https://example.com/review/v1"
	)
	signedBy := func(by, fields string) string {
		return "{authorities: [{name: ci, key: {inline: PEM}}], attestations: [{name: a, signedBy: [" + by + "], " + fields + "}]}"
	}
	attestation := func(fields string) string { return signedBy("ci", fields) }
	layout := func(fields string) string { return "layouts: [{name: a, " + fields + "}]" }
	const document = "layout: {configMapKeyRef: {name: a, key: b}}"
	return map[string]struct{ kind, spec, refused string }{
		"an attestation of a type":                      {policy, attestation(review), ""},
		"an attestation of a type that is no URI":       {policy, attestation("predicateType: review"), "predicateType"},
		"an attestation of no type":                     {policy, attestation("rule: predicate.approved"), "predicateType: Required value"},
		"an attestation with a rule":                    {policy, attestation(review + ", rule: predicate.approved"), ""},
		"an attestation with an empty rule":             {policy, attestation(review + `, rule: ""`), "rule"},
		"an attestation with a rule that is too long":   {policy, attestation(review + ", rule: " + strings.Repeat("a", 2049)), "rule"},
		"an attestation by a stranger":                  {policy, signedBy("ci, other", review), known},
		"an attestation by a stranger, in every place":  {cluster, strings.Replace(signedBy("other", review), "{", "{namespaces: [nowhere], ", 1), known},
		"an attestation by somebody, but nobody is":     {policy, "attestations: [{name: a, signedBy: [ci], " + review + "}]", known},
		"an attestation by nobody":                      {policy, signedBy("", review), "signedBy"},
		"a provenance":                                  {policy, attestation(slsa + ", slsa: {builders: [a], sources: [b], refs: [c], buildTypes: [d], minLevel: 3}"), ""},
		"an older provenance":                           {policy, attestation("predicateType: https://slsa.dev/provenance/v0.2, slsa: {builders: [a]}"), ""},
		"a provenance of another type":                  {policy, attestation(review + ", slsa: {builders: [a]}"), slsaOnly},
		"a provenance that must say nothing":            {policy, attestation(slsa + ", slsa: {}"), "slsa"},
		"a provenance by no builder":                    {policy, attestation(slsa + ", slsa: {builders: []}"), "builders"},
		"a provenance of a level that there is not":     {policy, attestation(slsa + ", slsa: {minLevel: 4}"), "minLevel"},
		"a provenance of level 0":                       {policy, attestation(slsa + ", slsa: {minLevel: 0}"), "minLevel"},
		"a provenance with a rule of one's own":         {policy, attestation(slsa + ", slsa: {builders: [a]}, rule: predicate.approved"), ""},
		"a scan":                                        {policy, attestation(scan + ", scan: {maxAge: 24h}"), ""},
		"a scan as some scanners call it":               {policy, attestation("predicateType: https://cosign.sigstore.dev/attestation/vuln, scan: {maxAge: 24h}"), ""},
		"a scan of another type":                        {policy, attestation(review + ", scan: {maxAge: 24h}"), scanOnly},
		"a scan of any age":                             {policy, attestation(scan + ", scan: {}"), "maxAge: Required value"},
		"a scan with an age in days":                    {policy, attestation(scan + ", scan: {maxAge: 1d}"), "maxAge"},
		"a summary":                                     {policy, attestation(vsa + ", vsa: {verifiers: [a], resources: [b], minLevel: 1}"), ""},
		"a summary of another type":                     {policy, attestation(slsa + ", vsa: {verifiers: [a]}"), vsaOnly},
		"a summary by any verifier":                     {policy, attestation(vsa + ", vsa: {minLevel: 1}"), "verifiers: Required value"},
		"a test result":                                 {policy, attestation(tests + ", testResult: {tests: [e2e/*]}"), ""},
		"a test result of another type":                 {policy, attestation(vsa + ", testResult: {tests: [a]}"), testsOnly},
		"a test result of no tests":                     {policy, attestation(tests + ", testResult: {}"), "tests: Required value"},
		"a statement of two kinds":                      {policy, attestation(slsa + ", slsa: {builders: [a]}, scan: {maxAge: 24h}"), oneKind},
		"the same attestation twice":                    {policy, "{authorities: [{name: ci, key: {inline: PEM}}], attestations: [{name: a, signedBy: [ci], " + review + "}, {name: a, signedBy: [ci], " + slsa + "}]}", "Duplicate value"},
		"a layout":                                      {policy, layout(document + ", keys: [{inline: PEM}, {configMapKeyRef: {name: a, key: b}}, {secretKeyRef: {name: a, key: b}}]"), ""},
		"a layout in a Secret":                          {policy, layout("layout: {secretKeyRef: {name: a, key: b}}, keys: [{inline: PEM}]"), ""},
		"a layout nowhere":                              {policy, layout("layout: {}, keys: [{inline: PEM}]"), oneDocument},
		"a layout in two places":                        {policy, layout("layout: {configMapKeyRef: {name: a, key: b}, secretKeyRef: {name: a, key: b}}, keys: [{inline: PEM}]"), oneDocument},
		"a layout without an owner":                     {policy, layout(document), "keys: Required value"},
		"a layout of no owners":                         {policy, layout(document + ", keys: []"), "keys"},
		"a layout of an owner whose key stands nowhere": {policy, layout(document + ", keys: [{}]"), oneText},
		"more layouts than anybody follows":             {policy, "layouts: [" + strings.Repeat("{name: a, "+document+", keys: [{inline: PEM}]},", 9) + "]", "Too many"},
	}
}
