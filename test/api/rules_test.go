// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
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
		oneKey      = "exactly one of the fields in [key] must be set"
		oneKeyPlace = "exactly one of the fields in [inline configMapKeyRef] must be set"
		known       = "signatures[].anyOf must name entries of authorities"
		reachable   = "threshold must not be greater than the number of authorities in anyOf"
		someField   = "set at least one of minSeverity, fix and exploited"
	)
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
		"an authority without a key":             {policy, `authorities: [{name: ci}]`, oneKey},
		"a key in a ConfigMap":                   {policy, `authorities: [{name: ci, key: {configMapKeyRef: {name: a, key: b}}}]`, ""},
		"a key nowhere":                          {policy, `authorities: [{name: ci, key: {}}]`, oneKeyPlace},
		"a key in two places":                    {policy, `authorities: [{name: ci, key: {inline: PEM, configMapKeyRef: {name: a, key: b}}}]`, oneKeyPlace},
		"a ConfigMap in another namespace":       {policy, `authorities: [{name: ci, key: {configMapKeyRef: {name: other/keys, key: b}}}]`, "configMapKeyRef.name"},
		"a signature by a known authority":       {policy, `{authorities: [{name: ci, key: ` + key + `}], signatures: [{name: a, anyOf: [ci]}]}`, ""},
		"a signature by an unknown authority":    {policy, `{authorities: [{name: ci, key: ` + key + `}], signatures: [{name: a, anyOf: [ci, other]}]}`, known},
		"a signature without any authority":      {policy, `signatures: [{name: a, anyOf: [ci]}]`, known},
		"a signature by nobody":                  {policy, `signatures: [{name: a, anyOf: []}]`, "anyOf"},
		"a threshold that can be met":            {policy, `{authorities: [{name: ci, key: ` + key + `}], signatures: [{name: a, anyOf: [ci], threshold: 1}]}`, ""},
		"a threshold that cannot be met":         {policy, `{authorities: [{name: ci, key: ` + key + `}], signatures: [{name: a, anyOf: [ci], threshold: 2}]}`, reachable},
		"a threshold that anything meets":        {policy, `{authorities: [{name: ci, key: ` + key + `}], signatures: [{name: a, anyOf: [ci], threshold: 0}]}`, "threshold"},
		"a mode that is none":                    {policy, `admission: {mode: Ignore}`, "Unsupported value"},
		"an image pattern with a digest":         {policy, `images: ["example.com/a@sha256:1"]`, "spec.images[0]"},
	}
}

const everyRule = `
images: ["example.com/**"]
vulnerabilities: {block: [{name: a, minSeverity: Critical, fix: Available, exploited: Known}]}
authorities: [{name: ci, key: {inline: PEM}}, {name: release, key: {configMapKeyRef: {name: a, key: b}}}]
signatures: [{name: a, anyOf: [ci, release], threshold: 2}]
image: {user: NonRoot}
promotion: {from: {namespaces: ["*-staging"]}}
admission: {mode: Audit}
`

func TestRules(t *testing.T) {
	c := newCluster(t)
	for name, rule := range ruleCases() {
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
			case rule.refused != "" && (!apierrors.IsInvalid(err) || !strings.Contains(err.Error(), rule.refused)):
				t.Errorf("got %v, want it refused with %q", err, rule.refused)
			}
		})
	}
}

// TestEveryRuleHasARefusal holds that a rule in the schema is not forgotten in the table.
func TestEveryRuleHasARefusal(t *testing.T) {
	var refusals []string
	for _, c := range ruleCases() {
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
