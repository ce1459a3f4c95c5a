// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"slices"
	"time"

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

// Anchors returns the IDs of the anchors that the signatures are checked against which the policies' rules count, sorted.
func Anchors(policies []Policy) []string {
	needed := map[string]bool{}
	for _, p := range policies {
		for _, name := range referredTo(p.Spec) {
			if believed := p.Authorities[name]; believed.State == evidence.Known {
				needed[believed.Value.Anchor] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(needed))
}

// referredTo returns the names of the authorities that a policy's rules refer to.
func referredTo(spec v1alpha1.PolicySpec) []v1alpha1.RuleName {
	var names []v1alpha1.RuleName
	for _, rule := range spec.Signatures {
		names = append(names, rule.AnyOf...)
	}
	for _, rule := range spec.Attestations {
		names = append(names, rule.SignedBy...)
	}
	if spec.Vulnerabilities != nil {
		for _, source := range spec.Vulnerabilities.VEX {
			names = append(names, source.AttestedBy...)
		}
	}
	return names
}

// PredicateTypes returns the types of the attestations that the policies' rules read, sorted.
func PredicateTypes(policies []Policy) []string {
	read := map[string]bool{}
	for _, p := range policies {
		for _, rule := range p.Spec.Attestations {
			read[rule.PredicateType] = true
		}
	}
	return slices.Sorted(maps.Keys(read))
}

// NeedsVEX says that policies believe VEX documents that are attested to the image.
func NeedsVEX(policies []Policy) bool {
	return slices.ContainsFunc(policies, func(p Policy) bool {
		return p.Spec.Vulnerabilities != nil && slices.ContainsFunc(p.Spec.Vulnerabilities.VEX, func(source v1alpha1.VEXSource) bool {
			return len(source.AttestedBy) > 0
		})
	})
}

// Believes says whom the policies' rules believe now.
func Believes(policies []Policy, now time.Time) evidence.Believes {
	return func(anchor string, signer evidence.Signer) bool {
		return slices.ContainsFunc(policies, func(p Policy) bool {
			return slices.ContainsFunc(referredTo(p.Spec), func(name v1alpha1.RuleName) bool {
				believed := p.Authorities[name]
				if believed.State != evidence.Known || believed.Value.Anchor != anchor {
					return false
				}
				_, err := believed.Value.Accepts(signer, now)
				return err == nil
			})
		})
	}
}

// Authorities returns the IDs of the authorities that the policies' rules refer to, sorted.
func Authorities(policies []Policy) []string {
	ids := map[string]bool{}
	for _, p := range policies {
		for _, name := range referredTo(p.Spec) {
			if believed := p.Authorities[name]; believed.State == evidence.Known {
				ids[believed.Value.ID] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(ids))
}
