// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
)

// manifests are the policies of the files given, with the ConfigMaps and Secrets that they refer to.
type manifests struct {
	// namespace of policies that do not say which is theirs.
	namespace   string
	definitions definitions
	policies    []policy.Policy
	texts       texts
}

var _ keys.PolicyLister = (*manifests)(nil)

// readManifests reads every policy and ConfigMap of the files, and refuses what the API server would refuse. Policies that do not say
// which namespace is theirs belong to the environment, or to the namespace default, as kubectl has it.
func readManifests(ctx context.Context, paths []string, environment string) (*manifests, error) {
	known, err := loadDefinitions()
	if err != nil {
		return nil, err
	}
	m := &manifests{namespace: cmp.Or(environment, metav1.NamespaceDefault), definitions: known, texts: texts{}}
	var problems []error
	for _, path := range paths {
		problems = append(problems, m.read(ctx, path)...)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	if len(m.policies) == 0 {
		return nil, errors.New("the files given by --policy hold no ImagePolicy or ClusterImagePolicy")
	}
	slices.SortFunc(m.policies, func(a, b policy.Policy) int { return cmp.Compare(a.Name, b.Name) })
	return m, nil
}

// List returns all policies.
func (m *manifests) List(context.Context, string) ([]policy.Policy, error) { return m.policies, nil }

// speakingOf returns the policies that speak of the repository, in whatever environment they hold.
func (m *manifests) speakingOf(repository image.Repository) []policy.Policy {
	return slices.DeleteFunc(slices.Clone(m.policies), func(p policy.Policy) bool { return !p.MatchesRepository(repository) })
}

// add takes an object: a policy or a ConfigMap, or one that is none of the command's business.
func (m *manifests) add(ctx context.Context, kind schema.GroupVersionKind, object map[string]any) []error {
	definition, known := m.definitions[kind]
	switch {
	case known:
		return m.addOurs(ctx, kind.Kind, definition, object)
	case kind.Group == v1alpha1.GroupVersion.Group:
		return []error{fmt.Errorf("%s has no such kind; want %s of %s", kind.GroupVersion(), strings.Join(m.definitions.kinds(), ", "), v1alpha1.GroupVersion)}
	case kind.GroupVersion().Empty() && slices.Contains(m.definitions.kinds(), kind.Kind):
		return []error{fmt.Errorf("apiVersion: Required value: want %s", v1alpha1.GroupVersion)}
	case kind == corev1.SchemeGroupVersion.WithKind("ConfigMap"):
		var c corev1.ConfigMap
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, &c); err != nil {
			return []error{err}
		}
		return m.texts.addConfigMap(c)
	case kind == corev1.SchemeGroupVersion.WithKind("Secret"):
		var s corev1.Secret
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, &s); err != nil {
			return []error{err}
		}
		return m.texts.addSecret(s)
	}
	return nil
}

// addOurs takes an object of a kind of Assay.
func (m *manifests) addOurs(ctx context.Context, kind string, definition *definition, object map[string]any) []error {
	metadata, problems := definition.metadata(object, m.namespace)
	if problems = append(problems, definition.admit(ctx, object)...); len(problems) > 0 {
		return problems.ToAggregate().Errors()
	}
	switch kind {
	case "ImagePolicy":
		var p v1alpha1.ImagePolicy
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, &p); err != nil {
			return []error{err}
		}
		p.ObjectMeta = metadata
		return m.hold(policy.FromImagePolicy(&p))
	case "ClusterImagePolicy":
		var p v1alpha1.ClusterImagePolicy
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, &p); err != nil {
			return []error{err}
		}
		p.ObjectMeta = metadata
		return m.hold(policy.FromClusterImagePolicy(&p))
	}
	return nil
}

// hold takes a policy that can do what it says.
func (m *manifests) hold(read policy.Policy) []error {
	if slices.ContainsFunc(m.policies, func(p policy.Policy) bool { return p.Name == read.Name }) {
		return []error{errors.New("the files hold another policy of this name; leave one out")}
	}
	m.policies = append(m.policies, read)
	var useless []error
	for _, problem := range policy.Check(read.Spec) {
		useless = append(useless, fmt.Errorf("spec.%w", problem))
	}
	return useless
}
