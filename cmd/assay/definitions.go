// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/assay-dev/assay/config/crd"
)

// What the rules of a definition may cost in all and one by one, as in the API server.
const (
	ruleBudget = 10_000_000
	ruleLimit  = 1_000_000
)

// definition checks objects of one kind and version as the API server does before it takes one.
type definition struct {
	namespaced bool
	structural *structuralschema.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator
}

// definitions are those that ship, by kind.
type definitions map[schema.GroupVersionKind]*definition

// loadDefinitions reads the definitions that the program was built with.
func loadDefinitions() (definitions, error) {
	all := definitions{}
	files, err := fs.Glob(crd.Bases, "bases/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if err := all.load(file); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return all, nil
}

func (d definitions) load(file string) error {
	content, err := crd.Bases.ReadFile(file)
	if err != nil {
		return err
	}
	var defined apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(content, &defined); err != nil {
		return err
	}
	for _, version := range defined.Spec.Versions {
		one, err := newDefinition(version.Schema.OpenAPIV3Schema)
		if err != nil {
			return err
		}
		one.namespaced = defined.Spec.Scope == apiextensionsv1.NamespaceScoped
		d[schema.GroupVersionKind{Group: defined.Spec.Group, Version: version.Name, Kind: defined.Spec.Names.Kind}] = one
	}
	return nil
}

func newDefinition(shipped *apiextensionsv1.JSONSchemaProps) (*definition, error) {
	var props apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(shipped, &props, nil); err != nil {
		return nil, err
	}
	structural, err := structuralschema.NewStructural(&props)
	if err != nil {
		return nil, err
	}
	validator, _, err := validation.NewSchemaValidator(&props)
	if err != nil {
		return nil, err
	}
	return &definition{structural: structural, schema: validator, rules: cel.NewValidator(structural, true, ruleLimit)}, nil
}

// kinds returns the names of the kinds, sorted.
func (d definitions) kinds() []string {
	names := map[string]bool{}
	for kind := range d {
		names[kind.Kind] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// metadata returns the object's metadata, and puts an object without a namespace that needs one into the given one.
func (d *definition) metadata(object map[string]any, namespace string) (metav1.ObjectMeta, field.ErrorList) {
	at := field.NewPath("metadata")
	var metadata metav1.ObjectMeta
	written, _ := object["metadata"].(map[string]any)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(written, &metadata, true); err != nil {
		return metadata, field.ErrorList{field.Invalid(at, field.OmitValueType{}, err.Error())}
	}
	if d.namespaced {
		metadata.Namespace = cmp.Or(metadata.Namespace, namespace)
	} else {
		metadata.Namespace = "" // as the API server does
	}
	return metadata, apivalidation.ValidateObjectMeta(&metadata, d.namespaced, apivalidation.NameIsDNSSubdomain, at)
}

// admit returns why the API server would refuse the object, each time with the path of the field, and fills defaults in. A status
// is dropped: it is not for whoever applies an object to say.
func (d *definition) admit(ctx context.Context, object map[string]any) field.ErrorList {
	delete(object, "status")
	var problems field.ErrorList
	unknown := pruning.PruneWithOptions(object, d.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for _, path := range unknown {
		problems = append(problems, field.Forbidden(field.NewPath(path), "there is no such field"))
	}
	defaulting.Default(object, d.structural)
	problems = append(problems, validation.ValidateCustomResource(nil, object, d.schema)...)
	problems = append(problems, listtype.ValidateListSetsAndMaps(nil, d.structural, object)...)
	if len(problems) == 0 { // the rules may rely on the schema
		problems, _ = d.rules.Validate(ctx, nil, d.structural, object, nil, ruleBudget)
	}
	return problems
}
