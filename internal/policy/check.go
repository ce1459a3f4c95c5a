// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/policy/authority"
	"github.com/assay-dev/assay/internal/policy/scope"
	"github.com/assay-dev/assay/internal/purl"
)

// Check returns what in a spec can never do what it says and must be changed, in the order of the fields: patterns that match
// nothing, and moments that no calendar has. Each error names its field. Judging goes on with the rest: what cannot be applied
// denies or leaves open, and excuses nothing.
func Check(spec v1alpha1.PolicySpec) []error {
	var problems []error
	add := func(field string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", field, err))
		}
	}
	for _, pattern := range spec.Images {
		add("images", scope.CheckPattern(pattern))
	}
	for _, a := range spec.Authorities {
		if a.Keyless != nil {
			_, err := authority.OfIdentities("", a.Keyless.Identities)
			add(entry("authorities", a.Name)+".keyless.identities", err)
		}
		if a.Certificate != nil {
			_, err := authority.OfChain("", *a.Certificate)
			add(entry("authorities", a.Name)+".certificate", err)
		}
		if a.Key != nil {
			add(entry("authorities", a.Name)+".key", checkWindow(a.Key.NotBefore, a.Key.NotAfter))
		}
	}
	for _, rule := range spec.Attestations {
		if rule.Rule != "" {
			add(entry(ruleAttestation, rule.Name)+".rule", checkExpression(rule.Rule))
		}
	}
	for _, e := range exceptionsOf(spec) {
		field := fmt.Sprintf("vulnerabilities.exceptions[%s, %s]", e.ID, e.Package)
		_, err := exceptionPattern(e)
		add(field+".package", err)
		for _, pattern := range e.Images {
			add(field+".images", scope.CheckPattern(pattern))
		}
		if e.ExpiresAt.Time().IsZero() {
			add(field+".expiresAt", fmt.Errorf("%q is no moment", e.ExpiresAt))
		}
	}
	if spec.SBOM == nil {
		return problems
	}
	for _, rule := range spec.SBOM.Deny {
		for _, pattern := range rule.Packages {
			_, err := purl.ParsePattern(string(pattern))
			add(entry(ruleDeny, rule.Name)+".packages", err)
		}
	}
	return problems
}

// checkWindow says which bound of a key's time is no moment of any calendar.
func checkWindow(bounds ...*v1alpha1.Timestamp) error {
	for _, bound := range bounds {
		if bound != nil && bound.Time().IsZero() {
			return fmt.Errorf("%q is no moment", *bound)
		}
	}
	return nil
}
