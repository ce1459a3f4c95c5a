// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// ruleCases has, for every rule that spans fields, a spec that keeps it and one that breaks it, and so for the bounds that a
// person meets.
func ruleCases() map[string]struct{ kind, spec, refused string } {
	const (
		image   = "TrustedImage"
		policy  = "ImagePolicy"
		cluster = "ClusterImagePolicy"

		oneSource   = "exactly one of the fields in [registry upstreamRef] must be set"
		oneName     = "exactly one of the fields in [tag digest] must be set"
		known       = "signatures[].anyOf must name entries of authorities"
		reachable   = "threshold must not be greater than the number of authorities in anyOf"
		someField   = "set at least one of minSeverity, minEPSS, fix and exploited"
		needsFix    = "gracePeriod.from FixSeen needs fix: Available"
		someDenial  = "set packages, licenses or both"
		oneVEXPlace = "exactly one of the fields in [configMapKeyRef attestedBy] must be set"
		vexKnown    = "vulnerabilities.vex[].attestedBy must name entries of authorities"
		clusterOnly = "vulnerabilities.delegateExceptions is for ClusterImagePolicies"
		delegation  = `vulnerabilities: {delegateExceptions: {namespaces: ["shop-*"], maxSeverity: High, maxDuration: 720h}}`
	)
	block := func(fields string) string { return "vulnerabilities: {block: [{name: a, " + fields + "}]}" }
	exception := func(fields string) string { return "vulnerabilities: {exceptions: [{" + fields + "}]}" }
	vex := func(fields string) string {
		return "{authorities: [{name: ci, key: {inline: PEM}}], vulnerabilities: {vex: [{name: a" + fields + "}]}}"
	}
	key := "{inline: PEM}"
	return map[string]struct{ kind, spec, refused string }{
		"a tag":                                  {image, `source: {registry: {repository: example.com/a, tag: "1"}}`, ""},
		"a digest":                               {image, `source: {registry: {repository: example.com/a, digest: "sha256:` + strings.Repeat("a", 64) + `"}}`, ""},
		"an upstream":                            {image, `source: {upstreamRef: {namespace: dev, name: a}}`, ""},
		"neither registry nor upstream":          {image, `source: {}`, oneSource},
		"both registry and upstream":             {image, `source: {registry: {repository: example.com/a, tag: "1"}, upstreamRef: {namespace: dev, name: a}}`, oneSource},
		"neither tag nor digest":                 {image, `source: {registry: {repository: example.com/a}}`, oneName},
		"both tag and digest":                    {image, `source: {registry: {repository: example.com/a, tag: "1", digest: "sha256:` + strings.Repeat("a", 64) + `"}}`, oneName},
		"no source":                              {image, `suspend: true`, "spec.source: Required value"},
		"a digest in capitals":                   {image, `source: {registry: {repository: example.com/a, digest: "sha256:` + strings.Repeat("A", 64) + `"}}`, "spec.source.registry.digest"},
		"a tag with a digest in it":              {image, `source: {registry: {repository: example.com/a, tag: "1@sha256"}}`, "spec.source.registry.tag"},
		"a repository with a digest in it":       {image, `source: {registry: {repository: "example.com/a@sha256:1", tag: "1"}}`, "spec.source.registry.repository"},
		"an upstream in another place":           {image, `source: {upstreamRef: {namespace: ../dev, name: a}}`, "spec.source.upstreamRef.namespace"},
		"an interval":                            {image, `{source: {upstreamRef: {namespace: dev, name: a}}, interval: 1h30m}`, ""},
		"an interval that is none":               {image, `{source: {upstreamRef: {namespace: dev, name: a}}, interval: banana}`, "spec.interval"},
		"the same target twice":                  {image, `{source: {upstreamRef: {namespace: dev, name: a}}, promoteTo: [{namespace: b}, {namespace: b}]}`, "Duplicate value"},
		"an empty policy":                        {policy, `{}`, ""},
		"a policy with every rule":               {policy, everyRule, ""},
		"a cluster-wide policy with every rule":  {cluster, "namespaces: [nowhere]\n" + everyRule, ""},
		"a cluster-wide policy without a place":  {cluster, `{}`, "spec.namespaces: Required value"},
		"a cluster-wide policy of no namespaces": {cluster, `namespaces: []`, "spec.namespaces"},
		"a namespace by label":                   {cluster, `namespaces: ["env=prod"]`, "spec.namespaces[0]"},
		"a block rule by severity":               {policy, `vulnerabilities: {block: [{name: a, minSeverity: High}]}`, ""},
		"a block rule by exploitation":           {policy, `vulnerabilities: {block: [{name: a, exploited: Known}]}`, ""},
		"a block rule by nothing":                {policy, `vulnerabilities: {block: [{name: a}]}`, someField},
		"a severity that is none":                {policy, `vulnerabilities: {block: [{name: a, minSeverity: Severe}]}`, "Unsupported value"},
		"two block rules of one name":            {policy, `vulnerabilities: {block: [{name: a, fix: Available}, {name: a, exploited: Known}]}`, "Duplicate value"},
		"a signature by a known authority":       {policy, `{authorities: [{name: ci, key: ` + key + `}], signatures: [{name: a, anyOf: [ci]}]}`, ""},
		"a signature by an unknown authority":    {policy, `{authorities: [{name: ci, key: ` + key + `}], signatures: [{name: a, anyOf: [ci, other]}]}`, known},
		"a signature without any authority":      {policy, `signatures: [{name: a, anyOf: [ci]}]`, known},
		"a signature by nobody":                  {policy, `signatures: [{name: a, anyOf: []}]`, "anyOf"},
		"a threshold that can be met":            {policy, `{authorities: [{name: ci, key: ` + key + `}], signatures: [{name: a, anyOf: [ci], threshold: 1}]}`, ""},
		"a threshold that cannot be met":         {policy, `{authorities: [{name: ci, key: ` + key + `}], signatures: [{name: a, anyOf: [ci], threshold: 2}]}`, reachable},
		"a threshold that anything meets":        {policy, `{authorities: [{name: ci, key: ` + key + `}], signatures: [{name: a, anyOf: [ci], threshold: 0}]}`, "threshold"},
		"a mode that is none":                    {policy, `admission: {mode: Ignore}`, "Unsupported value"},
		"a block rule by a probability":          {policy, block(`minEPSS: "0.1"`), ""},
		"a probability of one":                   {policy, block(`minEPSS: "1.0"`), ""},
		"a probability above one":                {policy, block(`minEPSS: "1.1"`), "minEPSS"},
		"a probability in percent":               {policy, block(`minEPSS: "10%"`), "minEPSS"},
		"a probability as a number":              {policy, block(`minEPSS: 0.1`), "minEPSS"},
		"a ransomware rule":                      {policy, block(`exploited: Ransomware`), ""},
		"a grace from the fix":                   {policy, block(`fix: Available, gracePeriod: {duration: 168h, from: FixSeen}`), ""},
		"a grace from the fix without a fix":     {policy, block(`minSeverity: High, gracePeriod: {duration: 168h, from: FixSeen}`), needsFix},
		"a grace from publication":               {policy, block(`minSeverity: High, gracePeriod: {duration: 168h, from: Published}`), ""},
		"a grace from first sight":               {policy, block(`minSeverity: High, gracePeriod: {duration: 168h, from: FirstSeen}`), ""},
		"a grace from nowhere":                   {policy, block(`minSeverity: High, gracePeriod: {duration: 168h}`), "gracePeriod.from: Required value"},
		"a grace of no time":                     {policy, block(`minSeverity: High, gracePeriod: {from: FirstSeen}`), "gracePeriod.duration: Required value"},
		"a grace in days":                        {policy, block(`minSeverity: High, gracePeriod: {duration: 7d, from: FirstSeen}`), "gracePeriod.duration"},
		"a block rule by grace alone":            {policy, block(`gracePeriod: {duration: 168h, from: FirstSeen}`), someField},
		"an age of scans":                        {policy, `vulnerabilities: {maxScanAge: 24h}`, ""},
		"an age of scans that is none":           {policy, `vulnerabilities: {maxScanAge: old}`, "maxScanAge"},
		"what is tolerated":                      {policy, `vulnerabilities: {endOfLife: Deny, unidentified: Allow, notWorseThanCurrent: true}`, ""},
		"a tolerance that is none":               {policy, `vulnerabilities: {endOfLife: Warn}`, "Unsupported value"},
		"an exception":                           {policy, exception(`id: CVE-2024-1, package: pkg:deb/debian/openssl` + excuse), ""},
		"an exception for a range":               {policy, exception(`id: CVE-2024-1, package: "pkg:deb/debian/openssl@>=1:3.0,<1:3.0.5"` + excuse), ""},
		"an exception for a scope of npm":        {policy, exception(`id: GHSA-aaaa-bbbb-cccc, package: "pkg:npm/@babel/core@7.0.0"` + excuse), ""},
		"an exception without an id":             {policy, exception(`package: pkg:deb/debian/openssl` + excuse), "id: Required value"},
		"an exception without a package":         {policy, exception(`id: CVE-2024-1` + excuse), "package: Required value"},
		"an exception without an end":            {policy, exception(`id: CVE-2024-1, package: pkg:deb/debian/openssl, reason: r`), "expiresAt: Required value"},
		"an exception without a reason":          {policy, exception(`id: CVE-2024-1, package: pkg:deb/debian/openssl, expiresAt: "2027-01-31T00:00:00Z"`), "reason: Required value"},
		"an exception for an empty reason":       {policy, exception(`id: CVE-2024-1, package: pkg:deb/debian/openssl, reason: "", expiresAt: "2027-01-31T00:00:00Z"`), "reason"},
		"an exception for every id":              {policy, exception(`id: "*", package: pkg:deb/debian/openssl` + excuse), "exceptions[0].id"},
		"an exception for every package":         {policy, exception(`id: CVE-2024-1, package: "pkg:deb/*"` + excuse), "exceptions[0].package"},
		"an exception for a type of packages":    {policy, exception(`id: CVE-2024-1, package: "pkg:deb/"` + excuse), "exceptions[0].package"},
		"an exception that ends some day":        {policy, exception(`id: CVE-2024-1, package: pkg:deb/debian/openssl, reason: r, expiresAt: "2027-01-31"`), "expiresAt"},
		"an exception for a digest":              {policy, exception(`id: CVE-2024-1, package: pkg:deb/debian/openssl, digests: ["sha256:` + strings.Repeat("a", 64) + `"]` + excuse), ""},
		"an exception for a tag":                 {policy, exception(`id: CVE-2024-1, package: pkg:deb/debian/openssl, digests: [latest]` + excuse), "exceptions[0].digests[0]"},
		"the same exception twice":               {policy, `vulnerabilities: {exceptions: [{id: a, package: pkg:deb/a/b` + excuse + `}, {id: a, package: pkg:deb/a/b` + excuse + `}]}`, "Duplicate value"},
		"a VEX document in a ConfigMap":          {policy, vex(`, configMapKeyRef: {name: a, key: b}`), ""},
		"a VEX document by an authority":         {policy, vex(`, attestedBy: [ci]`), ""},
		"a VEX document by a stranger":           {policy, vex(`, attestedBy: [ci, other]`), vexKnown},
		"a VEX document nowhere":                 {policy, vex(``), oneVEXPlace},
		"a VEX document in two places":           {policy, vex(`, attestedBy: [ci], configMapKeyRef: {name: a, key: b}`), oneVEXPlace},
		"a delegation by a cluster policy":       {cluster, "namespaces: [nowhere]\n" + delegation, ""},
		"a delegation by a namespaced policy":    {policy, delegation, clusterOnly},
		"a denial of packages":                   {policy, `sbom: {deny: [{name: a, packages: ["pkg:npm/event-stream@3.3.6", "pkg:golang/example.com/*", "pkg:maven/a/b@<2.17.1"]}]}`, ""},
		"a denial of licences":                   {policy, `sbom: {deny: [{name: a, licenses: [AGPL-*, GPL-2.0+]}]}`, ""},
		"a denial of nothing":                    {policy, `sbom: {deny: [{name: a}]}`, someDenial},
		"a denial of no packages":                {policy, `sbom: {deny: [{name: a, packages: []}]}`, "packages"},
		"a denial of a name":                     {policy, `sbom: {deny: [{name: a, packages: [openssl]}]}`, "packages[0]"},
		"a denial of an expression":              {policy, `sbom: {deny: [{name: a, licenses: ["MIT OR AGPL-3.0-only"]}]}`, "licenses[0]"},
		"a denial of secrets":                    {policy, `image: {secrets: Deny}`, ""},
		"a requirement of secrets":               {policy, `image: {secrets: Require}`, "Unsupported value"},
		"an image pattern with a digest":         {policy, `images: ["example.com/a@sha256:1"]`, "spec.images[0]"},
	}
}

// excuse is the end of an exception.
const excuse = `, reason: r, expiresAt: "2027-01-31T00:00:00Z"`

const everyRule = `
images: ["example.com/**"]
vulnerabilities:
  block: [{name: a, minSeverity: Critical, minEPSS: "0.1", fix: Available, exploited: Known, gracePeriod: {duration: 24h, from: FixSeen}}]
  notWorseThanCurrent: true
  maxScanAge: 24h
  endOfLife: Deny
  unidentified: Deny
  exceptions: [{id: CVE-2024-1, package: pkg:deb/debian/openssl` + excuse + `}]
  vex: [{name: a, attestedBy: [ci]}]
sbom: {deny: [{name: a, packages: [pkg:npm/a], licenses: [AGPL-*]}]}
authorities: [{name: ci, key: {inline: PEM}}, {name: release, key: {configMapKeyRef: {name: a, key: b}}}]
signatures: [{name: a, anyOf: [ci, release], threshold: 2}]
attestations: [{name: a, predicateType: https://example.com/review/v1, signedBy: [ci], rule: predicate.approved}]
layouts: [{name: a, layout: {secretKeyRef: {name: a, key: b}}, keys: [{inline: PEM}]}]
image: {user: NonRoot, secrets: Deny}
promotion: {from: {namespaces: ["*-staging"]}}
admission: {mode: Audit}
`

// allRuleCases are those of every kind of rule.
func allRuleCases() map[string]struct{ kind, spec, refused string } {
	all := ruleCases()
	maps.Copy(all, authorityCases())
	maps.Copy(all, attestationCases())
	return all
}

func TestRules(t *testing.T) {
	c := newCluster(t)
	for name, rule := range allRuleCases() {
		t.Run(name, func(t *testing.T) {
			object := &unstructured.Unstructured{Object: map[string]any{}}
			object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(rule.kind))
			object.SetName("rule")
			if rule.kind != "ClusterImagePolicy" {
				object.SetNamespace(c.namespace)
			}
			var spec map[string]any
			if err := yaml.Unmarshal([]byte(rule.spec), &spec); err != nil {
				t.Fatal(err)
			}
			object.Object["spec"] = spec
			err := client.WithFieldValidation(c.client, "Strict").Create(t.Context(), object, client.DryRunAll)
			switch {
			case rule.refused == "" && err != nil:
				t.Errorf("refused: %v", err)
			case rule.refused != "" && (!apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) || !strings.Contains(err.Error(), rule.refused)):
				t.Errorf("got %v, want it refused with %q", err, rule.refused)
			}
		})
	}
}

// TestEveryRuleHasARefusal holds that a rule in the schema is not forgotten in the table.
func TestEveryRuleHasARefusal(t *testing.T) {
	var refusals []string
	for _, c := range allRuleCases() {
		refusals = append(refusals, c.refused)
	}
	for _, f := range fields(t) {
		for _, rule := range f.XValidations {
			if !slices.Contains(refusals, rule.Message) {
				t.Errorf("%s: no case is refused with %q", f.path, rule.Message)
			}
		}
	}
}
