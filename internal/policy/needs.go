// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"slices"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// Names of the feeds, as status.feeds of a policy has them.
const (
	FeedVulnerabilities = "vulnerability-database"
	FeedKEV             = "kev"
	FeedEPSS            = "epss"
)

// Feeds returns the names of the feeds that the rules of a policy read, sorted.
func Feeds(spec v1alpha1.PolicySpec) []string {
	rules := spec.Vulnerabilities
	if rules == nil {
		return nil
	}
	read := map[string]bool{}
	for _, rule := range rules.Block {
		read[FeedVulnerabilities] = true
		if rule.Exploited != "" {
			read[FeedKEV] = true
		}
		if rule.MinEPSS != "" {
			read[FeedEPSS] = true
		}
	}
	if rules.MaxScanAge != nil || rules.EndOfLife == v1alpha1.ToleranceDeny {
		read[FeedVulnerabilities] = true
	}
	return slices.Sorted(maps.Keys(read))
}

// NeedsSecrets says that a policy denies secrets, so that they have to be looked for.
func NeedsSecrets(policies []Policy) bool {
	return slices.ContainsFunc(policies, func(p Policy) bool {
		return p.Spec.Image != nil && p.Spec.Image.Secrets == v1alpha1.SecretsDeny
	})
}

// NeedsPackages says that a policy denies packages or licences, so that the packages have to be listed.
func NeedsPackages(policies []Policy) bool {
	return slices.ContainsFunc(policies, func(p Policy) bool { return p.Spec.SBOM != nil && len(p.Spec.SBOM.Deny) > 0 })
}

// Fingerprints returns the fingerprints of the keys that the policies' signature rules count, sorted: those whose
// signatures have to be looked for.
func Fingerprints(policies []Policy) []string {
	return fingerprints(policies, func(spec v1alpha1.PolicySpec) (names []v1alpha1.RuleName) {
		for _, rule := range spec.Signatures {
			names = append(names, rule.AnyOf...)
		}
		return names
	})
}

// VEXFingerprints returns the fingerprints of the keys whose VEX attestations the policies believe, sorted: those whose
// attestations have to be looked for.
func VEXFingerprints(policies []Policy) []string {
	return fingerprints(policies, func(spec v1alpha1.PolicySpec) (names []v1alpha1.RuleName) {
		if spec.Vulnerabilities == nil {
			return nil
		}
		for _, source := range spec.Vulnerabilities.VEX {
			names = append(names, source.AttestedBy...)
		}
		return names
	})
}

// fingerprints returns the fingerprints of the authorities that each policy names, as far as their keys are known.
func fingerprints(policies []Policy, named func(v1alpha1.PolicySpec) []v1alpha1.RuleName) []string {
	found := map[string]bool{}
	for _, p := range policies {
		for _, name := range named(p.Spec) {
			if fingerprint := p.Authorities[name]; fingerprint.State == evidence.Known {
				found[fingerprint.Value] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}
