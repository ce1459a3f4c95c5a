// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package promotion

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/scope"
)

// Decide decides on a source that is an upstream. Both sides must consent, the upstream by its promoteTo and the taker by its
// source, and promotion.from of every policy that speaks of the image must allow the upstream's namespace.
func Decide(r Request) Decision {
	if r.Upstream.State != evidence.Known {
		return couldNotLook(r)
	}
	upstream := r.Upstream.Value
	switch {
	case upstream == nil:
		return refuse(v1alpha1.ReasonUpstreamNotFound, fmt.Sprintf(
			"TrustedImage %s does not exist; create it, or correct spec.source.upstreamRef", name(r.From)))
	case cyclic(r):
		return refuse(v1alpha1.ReasonUpstreamCycle, fmt.Sprintf(
			"the upstreams of %s lead round in a circle, or are more than %d; correct a spec.source.upstreamRef so that they end at a registry",
			name(r.Taker), MaxChain))
	case !consents(upstream, r.Taker.Namespace):
		return refuse(v1alpha1.ReasonUpstreamNotConsenting, fmt.Sprintf(
			"TrustedImage %s does not name this namespace; add {namespace: %s} to its spec.promoteTo", name(r.From), r.Taker.Namespace))
	}
	offers := offered(upstream)
	if overtaken(upstream, offers, r.Current) {
		offers = []Candidate{{Reference: r.Current}}
	}
	if len(offers) == 0 {
		return refuse(v1alpha1.ReasonUpstreamHasNoTrust, fmt.Sprintf(
			"TrustedImage %s trusts no digest that passes there; its conditions say why", name(r.From)))
	}
	for _, offer := range offers {
		if _, refused := refusing(r.Policies, r.Taker.Namespace, offer.Reference.Repository, r.From.Namespace); !refused {
			return Decision{Result: v1alpha1.ResultPass, Candidate: offer}
		}
	}
	refuser, _ := refusing(r.Policies, r.Taker.Namespace, offers[0].Reference.Repository, r.From.Namespace)
	return refuse(v1alpha1.ReasonSourceNotAllowed, fmt.Sprintf(
		"policy %s takes digests from %s only, not from %s; correct spec.source.upstreamRef, or promotion.from of the policy",
		refuser.Name, listed(refuser), r.From.Namespace))
}

// DecideRegistry decides on a source that is a registry: it is refused as soon as a policy that speaks of the repository
// says where digests come from.
func DecideRegistry(namespace string, repository image.Repository, policies []policy.Policy) Decision {
	for _, p := range policy.Matching(policies, namespace, repository) {
		if restricts(p) {
			return refuse(v1alpha1.ReasonSourceNotAllowed, fmt.Sprintf(
				"policy %s takes digests from the environments %s only, not from a registry; set spec.source.upstreamRef, or correct promotion.from of the policy",
				p.Name, listed(p)))
		}
	}
	return Decision{Result: v1alpha1.ResultPass}
}

func couldNotLook(r Request) Decision {
	d := Decision{Result: v1alpha1.ResultUnknown, Reason: r.Upstream.Reason, Message: evidence.Printable(r.Upstream.Message, maxMessage)}
	if r.Upstream.State == evidence.NotChecked || d.Reason == "" {
		d.Reason = v1alpha1.ReasonInProgress
		d.Message = fmt.Sprintf("TrustedImage %s was not looked at yet", name(r.From))
	}
	return d
}

// cyclic says that following upstreams comes to a place for the second time, or to no end.
func cyclic(r Request) bool {
	seen := map[evidence.Environment]bool{r.Taker: true}
	for _, next := range append([]evidence.Environment{r.From}, r.Chain...) {
		if seen[next] || len(seen) > MaxChain {
			return true
		}
		seen[next] = true
	}
	return false
}

func consents(upstream *Upstream, namespace string) bool {
	return slices.ContainsFunc(upstream.PromoteTo, func(target v1alpha1.PromotionTarget) bool {
		return string(target.Namespace) == namespace
	})
}

// offered returns what still passes at the upstream: what it trusts now, and then what it trusted before, the newest first.
func offered(upstream *Upstream) []Candidate {
	var offers []Candidate
	for _, e := range entries(upstream) {
		repository, err := image.ParseRepository(e.Repository)
		if err != nil || e.NotPassingSince != nil {
			continue
		}
		digest, err := image.ParseDigest(string(e.Digest))
		if err != nil {
			continue
		}
		offers = append(offers, Candidate{
			Reference: image.Reference{Repository: repository, Digest: digest},
			Platforms: e.Platforms,
		})
	}
	return offers
}

// entries returns what the upstream trusts now, and then what it trusted before, the newest first.
func entries(upstream *Upstream) []v1alpha1.TrustedDigest {
	all := slices.SortedStableFunc(slices.Values(upstream.History), func(a, b v1alpha1.TrustedDigest) int {
		return cmp.Or(b.TrustedAt.Time().Compare(a.TrustedAt.Time()), cmp.Compare(a.Digest, b.Digest))
	})
	if upstream.Trusted != nil {
		all = slices.Insert(all, 0, *upstream.Trusted)
	}
	return all
}

// overtaken says that the upstream came to trust the taker's current digest after anything that it offers.
func overtaken(upstream *Upstream, offers []Candidate, current image.Reference) bool {
	since := trustedAt(upstream, current)
	return !since.IsZero() && (len(offers) == 0 || trustedAt(upstream, offers[0].Reference).Before(since))
}

// trustedAt returns when the upstream came to trust the image, the zero time when it did not.
func trustedAt(upstream *Upstream, reference image.Reference) time.Time {
	for _, e := range entries(upstream) {
		if string(e.Digest) == reference.Digest.String() && e.Repository == reference.Repository.String() {
			return e.TrustedAt.Time()
		}
	}
	return time.Time{}
}

// refusing returns the first policy that speaks of the repository and does not take digests from the namespace.
func refusing(policies []policy.Policy, taker string, repository image.Repository, from string) (policy.Policy, bool) {
	for _, p := range policy.Matching(policies, taker, repository) {
		if restricts(p) && !scope.MatchesNamespace(p.Spec.Promotion.From.Namespaces, from) {
			return p, true
		}
	}
	return policy.Policy{}, false
}

func restricts(p policy.Policy) bool { return p.Spec.Promotion != nil && p.Spec.Promotion.From != nil }

// listed names what a policy that restricts allows.
func listed(p policy.Policy) string {
	var patterns []string
	for _, pattern := range p.Spec.Promotion.From.Namespaces {
		patterns = append(patterns, string(pattern))
	}
	slices.Sort(patterns)
	return evidence.Printable(strings.Join(patterns, ", "), maxListed)
}

// maxListed bounds what a message shows of promotion.from, in characters.
const maxListed = 80
