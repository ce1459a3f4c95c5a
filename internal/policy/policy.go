// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package policy decides whether an image may be trusted in an environment. It is pure: it does no I/O and has no clock,
// and controller, webhook, command line and tests call the same functions.
package policy

import (
	"cmp"
	"slices"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy/authority"
	"github.com/assay-dev/assay/internal/policy/scope"
)

// Policy is an ImagePolicy or a ClusterImagePolicy, ready to be applied.
type Policy struct {
	// Name is namespace/name, or name for a cluster-wide policy.
	Name string
	// Generation of the object's spec; no rule reads it.
	Generation int64
	// Namespace in which the policy holds; empty for a cluster-wide one.
	Namespace string
	// Namespaces in which a cluster-wide policy holds.
	Namespaces []v1alpha1.NamespacePattern
	Spec       v1alpha1.PolicySpec
	// Authorities has what each authority is made of, or why it cannot be used. An authority that is missing here was not checked. Matching
	// does without it.
	Authorities map[v1alpha1.RuleName]evidence.Fact[authority.Authority]
	// Layouts has the ID of each in-toto layout, or why it cannot be used. One that is missing here was not read. Matching does without it.
	Layouts map[v1alpha1.RuleName]evidence.Fact[string]
	// VEX has the statements of each source that is a ConfigMap, or why it cannot be used. A source that is missing here was
	// not read. Matching does without it.
	VEX map[v1alpha1.RuleName]evidence.Fact[[]evidence.VEXStatement]
}

// FromImagePolicy returns the policy without its authorities and VEX documents.
func FromImagePolicy(p *v1alpha1.ImagePolicy) Policy {
	return Policy{Name: p.Namespace + "/" + p.Name, Generation: p.Generation, Namespace: p.Namespace, Spec: p.Spec}
}

// FromClusterImagePolicy returns the policy without its authorities and VEX documents.
func FromClusterImagePolicy(p *v1alpha1.ClusterImagePolicy) Policy {
	return Policy{Name: p.Name, Generation: p.Generation, Namespaces: p.Spec.Namespaces, Spec: p.Spec.PolicySpec}
}

// Matches says that the policy speaks of the repository in the namespace.
func (p Policy) Matches(namespace string, repository image.Repository) bool {
	return scope.Scope{Namespace: p.Namespace, Namespaces: p.Namespaces, Images: p.Spec.Images}.Matches(namespace, repository)
}

// MatchesRepository says that the policy speaks of the repository, wherever it holds.
func (p Policy) MatchesRepository(repository image.Repository) bool {
	return scope.MatchesRepository(p.Spec.Images, repository)
}

// Matching returns the policies that speak of the repository in the namespace, sorted by name.
func Matching(policies []Policy, namespace string, repository image.Repository) []Policy {
	var matching []Policy
	for _, p := range policies {
		if p.Matches(namespace, repository) {
			matching = append(matching, p)
		}
	}
	return sorted(matching)
}

// sorted returns the policies by name, so that what is said of them does not depend on how they were listed.
func sorted(policies []Policy) []Policy {
	return slices.SortedStableFunc(slices.Values(policies), func(a, b Policy) int { return cmp.Compare(a.Name, b.Name) })
}
