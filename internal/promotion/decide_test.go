// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package promotion

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
)

const repository = "registry.example.com/shop/checkout"

func digest(content string) v1alpha1.DigestString {
	return v1alpha1.DigestString(image.DigestOf([]byte(content)).String())
}

func trusted(content, at string) v1alpha1.TrustedDigest {
	return v1alpha1.TrustedDigest{Digest: digest(content), Repository: repository, TrustedAt: v1alpha1.Timestamp(at)}
}

func stopped(entry v1alpha1.TrustedDigest) v1alpha1.TrustedDigest {
	since := v1alpha1.Timestamp("2026-05-05T00:00:00Z")
	entry.NotPassingSince = &since
	return entry
}

func restricted(name string, images []v1alpha1.ImagePattern, from ...v1alpha1.NamespacePattern) policy.Policy {
	return policy.Policy{
		Name:       name,
		Namespaces: []v1alpha1.NamespacePattern{"prod"},
		Spec: v1alpha1.PolicySpec{
			Images:    images,
			Promotion: &v1alpha1.PromotionRules{From: &v1alpha1.PromotionFrom{Namespaces: from}},
		},
	}
}

var (
	prod    = evidence.Environment{Namespace: "prod", Name: "checkout"}
	staging = evidence.Environment{Namespace: "staging", Name: "checkout"}
	dev     = evidence.Environment{Namespace: "dev", Name: "checkout"}
)

// willing is an upstream that consents and trusts a digest.
func willing() *Upstream {
	current := trusted("2", "2026-02-02T00:00:00Z")
	return &Upstream{PromoteTo: []v1alpha1.PromotionTarget{{Namespace: "other"}, {Namespace: "prod"}}, Trusted: &current}
}

func TestDecide(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*Request)
		result  v1alpha1.Result
		reason  string
		message string
		offered string
	}{
		"what a consenting upstream trusts is offered": {
			result: v1alpha1.ResultPass, offered: "2",
		},
		"an upstream that does not exist is not found": {
			change: func(r *Request) { r.Upstream = evidence.Checked[*Upstream](nil) },
			result: v1alpha1.ResultFail, reason: v1alpha1.ReasonUpstreamNotFound,
			message: "TrustedImage staging/checkout does not exist; create it, or correct spec.source.upstreamRef",
		},
		"an upstream that could not be read is unknown, with the reader's words": {
			change: func(r *Request) { r.Upstream = evidence.Unchecked[*Upstream]("Timeout", "the API server\nis gone") },
			result: v1alpha1.ResultUnknown, reason: "Timeout", message: `the API server\nis gone`,
		},
		"an upstream that was not looked at is unknown": {
			change: func(r *Request) { r.Upstream = evidence.Fact[*Upstream]{Value: willing()} },
			result: v1alpha1.ResultUnknown, reason: v1alpha1.ReasonInProgress,
			message: "TrustedImage staging/checkout was not looked at yet",
		},
		"an upstream that names other namespaces does not consent": {
			change: func(r *Request) { r.Upstream.Value.PromoteTo = r.Upstream.Value.PromoteTo[:1] },
			result: v1alpha1.ResultFail, reason: v1alpha1.ReasonUpstreamNotConsenting,
			message: "TrustedImage staging/checkout does not name this namespace; add {namespace: prod} to its spec.promoteTo",
		},
		"an upstream without a digest has no trust": {
			change: func(r *Request) { r.Upstream.Value.Trusted = nil },
			result: v1alpha1.ResultFail, reason: v1alpha1.ReasonUpstreamHasNoTrust,
			message: "TrustedImage staging/checkout trusts no digest that passes there; its conditions say why",
		},
		"a digest that is in grace at the upstream is not offered": {
			change: func(r *Request) { *r.Upstream.Value.Trusted = stopped(*r.Upstream.Value.Trusted) },
			result: v1alpha1.ResultFail, reason: v1alpha1.ReasonUpstreamHasNoTrust,
			message: "TrustedImage staging/checkout trusts no digest that passes there; its conditions say why",
		},
		"an entry whose digest is malformed is not offered": {
			change: func(r *Request) { r.Upstream.Value.Trusted.Digest = "latest" },
			result: v1alpha1.ResultFail, reason: v1alpha1.ReasonUpstreamHasNoTrust,
			message: "TrustedImage staging/checkout trusts no digest that passes there; its conditions say why",
		},
		"an entry whose repository is malformed is not offered": {
			change: func(r *Request) { r.Upstream.Value.Trusted.Repository = "a b" },
			result: v1alpha1.ResultFail, reason: v1alpha1.ReasonUpstreamHasNoTrust,
			message: "TrustedImage staging/checkout trusts no digest that passes there; its conditions say why",
		},
		"what is trusted now comes before newer entries of the history": {
			change: func(r *Request) {
				r.Upstream.Value.History = []v1alpha1.TrustedDigest{trusted("3", "2026-03-03T00:00:00Z")}
			},
			result: v1alpha1.ResultPass, offered: "2",
		},
		"the newest digest of the history is offered while the trusted one is in grace": {
			change: func(r *Request) {
				*r.Upstream.Value.Trusted = stopped(*r.Upstream.Value.Trusted)
				r.Upstream.Value.History = []v1alpha1.TrustedDigest{
					trusted("0", "2026-01-01T00:00:00Z"), stopped(trusted("9", "2026-04-01T00:00:00Z")), trusted("1", "2026-01-02T00:00:00Z"),
				}
			},
			result: v1alpha1.ResultPass, offered: "1",
		},
		"an environment does not go back to what its upstream trusted before": {
			change: func(r *Request) {
				*r.Upstream.Value.Trusted = stopped(*r.Upstream.Value.Trusted)
				r.Upstream.Value.History = []v1alpha1.TrustedDigest{trusted("1", "2026-01-02T00:00:00Z")}
				r.Current = parsed("2")
			},
			result: v1alpha1.ResultPass, offered: "2",
		},
		"an environment stays where it is while its upstream offers nothing newer": {
			change: func(r *Request) {
				*r.Upstream.Value.Trusted = stopped(*r.Upstream.Value.Trusted)
				r.Current = parsed("2")
			},
			result: v1alpha1.ResultPass, offered: "2",
		},
		"an environment goes forward to what its upstream trusts now": {
			change: func(r *Request) {
				r.Upstream.Value.History = []v1alpha1.TrustedDigest{trusted("1", "2026-01-02T00:00:00Z")}
				r.Current = parsed("1")
			},
			result: v1alpha1.ResultPass, offered: "2",
		},
		"an environment goes to what its upstream came to trust anew": {
			change: func(r *Request) {
				again := trusted("1", "2026-03-03T00:00:00Z")
				r.Upstream.Value.History = []v1alpha1.TrustedDigest{*r.Upstream.Value.Trusted}
				r.Upstream.Value.Trusted = &again
				r.Current = parsed("2")
			},
			result: v1alpha1.ResultPass, offered: "1",
		},
		"an environment whose digest the upstream does not know takes what it offers": {
			change: func(r *Request) {
				*r.Upstream.Value.Trusted = stopped(*r.Upstream.Value.Trusted)
				r.Upstream.Value.History = []v1alpha1.TrustedDigest{trusted("1", "2026-01-02T00:00:00Z")}
				r.Current = parsed("7")
			},
			result: v1alpha1.ResultPass, offered: "1",
		},
		"a policy that refuses the upstream does so whatever the environment trusts": {
			change: func(r *Request) {
				*r.Upstream.Value.Trusted = stopped(*r.Upstream.Value.Trusted)
				r.Current = parsed("2")
				r.Policies = []policy.Policy{restricted("order", nil, "qa")}
			},
			result: v1alpha1.ResultFail, reason: v1alpha1.ReasonSourceNotAllowed,
			message: "policy order takes digests from qa only, not from staging; correct spec.source.upstreamRef, or promotion.from of the policy",
		},
		"an environment cannot be its own upstream": {
			change: func(r *Request) { r.From = prod },
			result: v1alpha1.ResultFail, reason: v1alpha1.ReasonUpstreamCycle,
			message: "the upstreams of prod/checkout lead round in a circle, or are more than 16; correct a spec.source.upstreamRef so that they end at a registry",
		},
		"upstreams that lead back to the taker are a cycle": {
			change: func(r *Request) { r.Chain = []evidence.Environment{dev, prod} },
			result: v1alpha1.ResultFail, reason: v1alpha1.ReasonUpstreamCycle,
			message: "the upstreams of prod/checkout lead round in a circle, or are more than 16; correct a spec.source.upstreamRef so that they end at a registry",
		},
		"upstreams that lead round without the taker are a cycle": {
			change: func(r *Request) { r.Chain = []evidence.Environment{dev, staging} },
			result: v1alpha1.ResultFail, reason: v1alpha1.ReasonUpstreamCycle,
			message: "the upstreams of prod/checkout lead round in a circle, or are more than 16; correct a spec.source.upstreamRef so that they end at a registry",
		},
		"sixteen upstreams are followed": {
			change: func(r *Request) { r.Chain = long(MaxChain - 1) },
			result: v1alpha1.ResultPass, offered: "2",
		},
		"seventeen upstreams count as a cycle": {
			change: func(r *Request) { r.Chain = long(MaxChain) },
			result: v1alpha1.ResultFail, reason: v1alpha1.ReasonUpstreamCycle,
			message: "the upstreams of prod/checkout lead round in a circle, or are more than 16; correct a spec.source.upstreamRef so that they end at a registry",
		},
		"a policy that names the upstream's namespace allows it": {
			change: func(r *Request) { r.Policies = []policy.Policy{restricted("order", nil, "staging")} },
			result: v1alpha1.ResultPass, offered: "2",
		},
		"a policy whose glob covers the upstream's namespace allows it": {
			change: func(r *Request) { r.Policies = []policy.Policy{restricted("order", nil, "qa", "stag*")} },
			result: v1alpha1.ResultPass, offered: "2",
		},
		"a policy that names other namespaces refuses it": {
			change: func(r *Request) { r.Policies = []policy.Policy{restricted("order", nil, "qa", "*-staging")} },
			result: v1alpha1.ResultFail, reason: v1alpha1.ReasonSourceNotAllowed,
			message: "policy order takes digests from *-staging, qa only, not from staging; correct spec.source.upstreamRef, or promotion.from of the policy",
		},
		"one of several policies refuses for all": {
			change: func(r *Request) {
				r.Policies = []policy.Policy{restricted("b", nil, "staging"), restricted("a", nil, "qa")}
			},
			result: v1alpha1.ResultFail, reason: v1alpha1.ReasonSourceNotAllowed,
			message: "policy a takes digests from qa only, not from staging; correct spec.source.upstreamRef, or promotion.from of the policy",
		},
		"a policy for other images has no say": {
			change: func(r *Request) {
				r.Policies = []policy.Policy{restricted("order", []v1alpha1.ImagePattern{"registry.example.com/other/**"}, "qa")}
			},
			result: v1alpha1.ResultPass, offered: "2",
		},
		"a policy for other namespaces has no say": {
			change: func(r *Request) {
				p := restricted("order", nil, "qa")
				p.Namespaces = []v1alpha1.NamespacePattern{"elsewhere"}
				r.Policies = []policy.Policy{p}
			},
			result: v1alpha1.ResultPass, offered: "2",
		},
	} {
		t.Run(name, func(t *testing.T) {
			request := Request{Taker: prod, From: staging, Upstream: evidence.Checked(willing()), Chain: []evidence.Environment{dev}}
			if test.change != nil {
				test.change(&request)
			}
			got := Decide(request)
			want := Decision{Result: test.result, Reason: test.reason, Message: test.message}
			if test.offered != "" {
				want.Candidate.Reference = parsed(test.offered)
			}
			if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b image.Reference) bool { return a == b })); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheOfferCarriesItsPlatforms(t *testing.T) {
	upstream := willing()
	upstream.Trusted.Platforms = []v1alpha1.PlatformDigest{{Platform: "linux/arm64", Digest: digest("child")}}
	got := Decide(Request{Taker: prod, From: staging, Upstream: evidence.Checked(upstream)})
	if diff := cmp.Diff(upstream.Trusted.Platforms, got.Candidate.Platforms); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
}

func TestDecideRegistry(t *testing.T) {
	for name, test := range map[string]struct {
		policies []policy.Policy
		want     Decision
	}{
		"without a policy a registry is a source": {
			want: Decision{Result: v1alpha1.ResultPass},
		},
		"a policy that restricts nothing allows a registry": {
			policies: []policy.Policy{{Name: "prod/plain", Namespace: "prod"}},
			want:     Decision{Result: v1alpha1.ResultPass},
		},
		"a policy with promotion.from refuses a registry, also with a glob for all": {
			policies: []policy.Policy{restricted("order", nil, "*")},
			want: Decision{
				Result: v1alpha1.ResultFail, Reason: v1alpha1.ReasonSourceNotAllowed,
				Message: "policy order takes digests from the environments * only, not from a registry; set spec.source.upstreamRef, or correct promotion.from of the policy",
			},
		},
		"a policy for other images has no say": {
			policies: []policy.Policy{restricted("order", []v1alpha1.ImagePattern{"registry.example.com/other"}, "staging")},
			want:     Decision{Result: v1alpha1.ResultPass},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := DecideRegistry("prod", parsed("2").Repository, test.policies)
			if diff := cmp.Diff(test.want, got, cmp.Comparer(func(a, b image.Reference) bool { return a == b })); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMessagesAreBounded(t *testing.T) {
	var from []v1alpha1.NamespacePattern
	for i := range 64 {
		from = append(from, v1alpha1.NamespacePattern(fmt.Sprintf("%s-%02d", strings.Repeat("n", 60), i)))
	}
	got := DecideRegistry("prod", parsed("2").Repository, []policy.Policy{restricted(strings.Repeat("p", 253), nil, from...)})
	if len(got.Message) > maxMessage {
		t.Errorf("the message has %d characters: %s", len(got.Message), got.Message)
	}
}

func parsed(content string) image.Reference {
	name, err := image.ParseRepository(repository)
	if err != nil {
		panic(err)
	}
	return image.Reference{Repository: name, Digest: image.DigestOf([]byte(content))}
}

func long(upstreams int) []evidence.Environment {
	var chain []evidence.Environment
	for i := range upstreams {
		chain = append(chain, evidence.Environment{Namespace: fmt.Sprintf("n%d", i), Name: "checkout"})
	}
	return chain
}
