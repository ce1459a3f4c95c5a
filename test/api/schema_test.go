// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/assay-dev/assay/test/manifests"
)

// schema is the schema of one field, with its path, such as "TrustedImage.spec.promoteTo[].namespace".
type schema struct {
	path string
	apiextensionsv1.JSONSchemaProps
}

// fields returns the schemas of everything below spec and status in the shipped CRDs.
func fields(t *testing.T) []schema {
	t.Helper()
	definitions, err := manifests.Render("crd")
	if err != nil {
		t.Fatal(err)
	}
	var all []schema
	for _, d := range definitions {
		var crd apiextensionsv1.CustomResourceDefinition
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(d.Object, &crd); err != nil {
			t.Fatal(err)
		}
		for _, version := range crd.Spec.Versions {
			for _, part := range []string{"spec", "status"} {
				all = appendFields(all, crd.Spec.Names.Kind+"."+part, version.Schema.OpenAPIV3Schema.Properties[part])
			}
		}
	}
	return all
}

func appendFields(all []schema, path string, s apiextensionsv1.JSONSchemaProps) []schema {
	all = append(all, schema{path, s})
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		all = appendFields(all, path+"."+name, s.Properties[name])
	}
	if s.Items != nil {
		all = appendFields(all, path+"[]", *s.Items.Schema)
	}
	return all
}

// TestEverythingIsBounded holds that no field can be made as large as an object may be, that every list says how it is
// merged, and that nothing is taken that the schema does not name.
func TestEverythingIsBounded(t *testing.T) {
	for _, f := range fields(t) {
		switch f.Type {
		case "string":
			if f.MaxLength == nil && len(f.Enum) == 0 && (f.Format != "date-time" || f.Pattern == "") {
				t.Errorf("%s: a string without maxLength, enum or the pattern of a date-time", f.path)
			}
		case "array":
			if f.MaxItems == nil {
				t.Errorf("%s: a list without maxItems", f.path)
			}
			if f.XListType == nil {
				t.Errorf("%s: a list that does not say how it is merged", f.path)
			}
		case "object":
			if f.AdditionalProperties != nil || f.XPreserveUnknownFields != nil {
				t.Errorf("%s: an object with fields that the schema does not name", f.path)
			}
		}
		if f.XIntOrString || f.Type == "" {
			t.Errorf("%s: a field of more than one type", f.path)
		}
		if f.Format == "duration" {
			t.Errorf("%s: format duration takes what Go does not: use v1alpha1.Duration", f.path)
		}
		if f.Description == "" && !strings.HasSuffix(f.path, "[]") {
			t.Errorf("%s: without a description", f.path)
		}
	}
}

// TestTheSamplesHaveEveryField holds that what the other tests vary is all there is.
func TestTheSamplesHaveEveryField(t *testing.T) {
	present := map[string]bool{}
	for _, sample := range samples("namespace") {
		kind := kindOf(sample)
		content := asMap(t, sample)
		for _, part := range []string{"spec", "status"} {
			notePaths(present, kind+"."+part, content[part])
		}
	}
	for _, f := range fields(t) {
		refused := strings.HasPrefix(f.path, "ImagePolicy.spec.vulnerabilities.delegateExceptions") // for cluster-wide policies only
		if !present[f.path] && !refused {
			t.Errorf("no sample has %s", f.path)
		}
	}
}

func notePaths(present map[string]bool, path string, value any) {
	present[path] = true
	switch v := value.(type) {
	case map[string]any:
		for name, field := range v {
			notePaths(present, path+"."+name, field)
		}
	case []any:
		for _, item := range v {
			notePaths(present, path+"[]", item)
		}
	}
}
