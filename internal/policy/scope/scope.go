// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package scope says where policies hold: of which images they speak, in which namespaces, and how strictly admission follows
// them. It is what admission needs of policies, and knows nothing of what they demand.
package scope

import (
	"cmp"
	"slices"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/glob"
	"github.com/assay-dev/assay/internal/image"
)

// Scope is where one policy holds.
type Scope struct {
	// Name is namespace/name, or name for a cluster-wide policy.
	Name string
	// Namespace in which the policy holds; empty for a cluster-wide one.
	Namespace string
	// Namespaces in which a cluster-wide policy holds.
	Namespaces []v1alpha1.NamespacePattern
	// Images that the policy speaks of; empty for every image.
	Images []v1alpha1.ImagePattern
	// Admission of the policy; nil for the default.
	Admission *v1alpha1.AdmissionRules
}

// Matches says that the policy speaks of the repository in the namespace.
func (s Scope) Matches(namespace string, repository image.Repository) bool {
	return s.matchesNamespace(namespace) && MatchesRepository(s.Images, repository)
}

func (s Scope) matchesNamespace(namespace string) bool {
	if s.Namespace != "" {
		return s.Namespace == namespace
	}
	return MatchesNamespace(s.Namespaces, namespace)
}

// MatchesNamespace says that one of the patterns matches the namespace.
func MatchesNamespace(patterns []v1alpha1.NamespacePattern, namespace string) bool {
	return slices.ContainsFunc(patterns, func(pattern v1alpha1.NamespacePattern) bool {
		return glob.Match(string(pattern), namespace)
	})
}

// MatchesRepository says that one of the patterns matches the repository, or that there is none.
func MatchesRepository(patterns []v1alpha1.ImagePattern, repository image.Repository) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(pattern v1alpha1.ImagePattern) bool {
		return matchRepository(pattern, repository)
	})
}

// Matching returns the scopes of the policies that speak of the repository in the namespace, sorted by name.
func Matching(scopes []Scope, namespace string, repository image.Repository) []Scope {
	var matching []Scope
	for _, s := range scopes {
		if s.Matches(namespace, repository) {
			matching = append(matching, s)
		}
	}
	slices.SortFunc(matching, func(a, b Scope) int { return cmp.Compare(a.Name, b.Name) })
	return matching
}

// Mode returns the strictest of the policies' admission modes, and Enforce when there is no policy.
func Mode(scopes []Scope) v1alpha1.AdmissionMode {
	for _, s := range scopes {
		if s.Admission == nil || s.Admission.Mode != v1alpha1.AdmissionAudit {
			return v1alpha1.AdmissionEnforce
		}
	}
	if len(scopes) == 0 {
		return v1alpha1.AdmissionEnforce
	}
	return v1alpha1.AdmissionAudit
}
