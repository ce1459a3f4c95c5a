// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package keys finds what policies refer to: the keys and trust roots of their authorities, layouts and VEX documents. Adaptors to a cluster
// stand in keys/cluster.
package keys

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/authority"
	"github.com/assay-dev/assay/internal/signature"
)

// PolicyLister lists policies.
type PolicyLister interface {
	// List returns the policies that may hold in the namespace, without their authorities and VEX documents. They must not be changed.
	List(ctx context.Context, namespace string) ([]policy.Policy, error)
}

// ErrServiceUnavailable says that a key management service could not be asked, which says nothing of the key.
var ErrServiceUnavailable = errors.New("the key management service could not be asked")

// KeyServices asks key management services for public keys.
type KeyServices interface {
	// PublicKey returns the public key of the key with the URI. The error is for people; it wraps ErrServiceUnavailable when nobody could ask.
	PublicKey(ctx context.Context, uri string) (signature.Key, error)
}

// Set is policies with all that they refer to, and what their signatures are checked against.
type Set struct {
	Policies []policy.Policy
	// Anchors of the authorities that rules refer to. They are distinct, in the order of their IDs.
	Anchors []signature.Anchor
	// Layouts that rules demand, distinct.
	Layouts []layout.Layout
}

// Resolver finds what policies refer to. It is safe for concurrent use when its ports are.
type Resolver struct {
	Policies PolicyLister
	Texts    TextReader
	// Services is nil where there are none.
	Services KeyServices
	// PublicRoot returns the trust root of the public Sigstore; nil where there is none.
	PublicRoot func() []byte
	// CheckAnchor returns why signatures cannot be checked against an anchor; nil for no check.
	CheckAnchor func(signature.Anchor) error
	// CheckLayout returns why a layout cannot be used; nil for no check.
	CheckLayout func(layout.Layout) error
	// Namespace is Assay's own: cluster-wide policies refer to ConfigMaps and Secrets there.
	Namespace string

	documents      documents
	anchorsChecked checked[signature.Anchor]
	layoutsChecked checked[layout.Layout]
}

// Matching returns the policies that speak of the repository in the namespace, sorted by name. The error says that a policy
// or a key could not be read, and is worth another try.
func (r *Resolver) Matching(ctx context.Context, namespace string, repository image.Repository) (Set, error) {
	policies, err := r.Policies.List(ctx, namespace)
	if err != nil {
		return Set{}, fmt.Errorf("read the policies of namespace %s: %w", namespace, err)
	}
	return r.Resolve(ctx, policy.Matching(policies, namespace, repository))
}

// Resolve fills the policies' authorities and the statements of their VEX documents in ConfigMaps. A key or a document that does not
// exist or cannot be parsed is a fact that the policy bears; the error says that one could not be read, and is worth another try.
func (r *Resolver) Resolve(ctx context.Context, policies []policy.Policy) (Set, error) {
	known, layouts := map[string]signature.Anchor{}, map[string]layout.Layout{}
	set := Set{Policies: make([]policy.Policy, 0, len(policies))}
	for _, p := range policies {
		if err := r.resolve(ctx, &p, known, layouts); err != nil {
			return Set{}, err
		}
		set.Policies = append(set.Policies, p)
	}
	needed := policy.Anchors(set.Policies)
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if slices.Contains(needed, id) {
			set.Anchors = append(set.Anchors, known[id])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(layouts)) {
		set.Layouts = append(set.Layouts, layouts[id])
	}
	return set, nil
}

// resolve fills one policy and takes note of its anchors and layouts.
func (r *Resolver) resolve(ctx context.Context, p *policy.Policy, known map[string]signature.Anchor, layouts map[string]layout.Layout) error {
	p.Authorities = make(map[v1alpha1.RuleName]evidence.Fact[authority.Authority], len(p.Spec.Authorities))
	for _, spec := range p.Spec.Authorities {
		found, err := r.authority(ctx, *p, spec)
		if err != nil {
			return err
		}
		if found.State == evidence.Known {
			known[found.Value.authority.Anchor] = found.Value.anchor
		}
		p.Authorities[spec.Name] = evidence.Fact[authority.Authority]{
			State: found.State, Value: found.Value.authority, Reason: found.Reason, Message: found.Message,
		}
	}
	if err := r.readLayouts(ctx, p, layouts); err != nil {
		return err
	}
	return r.readVEX(ctx, p)
}
