// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package keys finds the public keys and the VEX documents that policies name. Adaptors to a cluster stand in keys/cluster.
package keys

import (
	"context"
	"errors"
	"fmt"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/signature"
)

// Errors of ConfigMapReader.
var (
	// ErrConfigMapNotFound: the ConfigMap does not exist.
	ErrConfigMapNotFound = errors.New("the ConfigMap does not exist")
	// ErrKeyNotFound: the ConfigMap exists and has no such key.
	ErrKeyNotFound = errors.New("the ConfigMap has no such key")
)

// ConfigMapReader reads public keys and VEX documents from ConfigMaps.
type ConfigMapReader interface {
	// Read returns the text under one key of a ConfigMap. The error wraps ErrConfigMapNotFound or ErrKeyNotFound when there
	// is none; any other says that nobody could look, and is worth another try.
	Read(ctx context.Context, namespace string, reference v1alpha1.ConfigMapKeyReference) (string, error)
}

// PolicyLister lists policies.
type PolicyLister interface {
	// List returns the policies that may hold in the namespace, without their authorities and VEX documents. They must not be changed.
	List(ctx context.Context, namespace string) ([]policy.Policy, error)
}

// Set is policies with their authorities and VEX documents, and the keys whose signatures they count.
type Set struct {
	Policies []policy.Policy
	// Keys are those whose signatures of the image count, VEXKeys those whose attested VEX documents do. They are distinct, in the
	// order of their fingerprints.
	Keys, VEXKeys []signature.Key
}

// Resolver finds the keys and VEX documents of policies. It is safe for concurrent use when its ports are.
type Resolver struct {
	Policies   PolicyLister
	ConfigMaps ConfigMapReader
	// Namespace is Assay's own: cluster-wide policies refer to ConfigMaps there.
	Namespace string

	documents documents
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
	known := map[string]signature.Key{}
	set := Set{Policies: make([]policy.Policy, 0, len(policies))}
	for _, p := range policies {
		if err := r.resolve(ctx, &p, known); err != nil {
			return Set{}, err
		}
		set.Policies = append(set.Policies, p)
	}
	for _, fingerprint := range policy.Fingerprints(set.Policies) {
		set.Keys = append(set.Keys, known[fingerprint])
	}
	for _, fingerprint := range policy.VEXFingerprints(set.Policies) {
		set.VEXKeys = append(set.VEXKeys, known[fingerprint])
	}
	return set, nil
}

// resolve fills one policy and takes note of its keys.
func (r *Resolver) resolve(ctx context.Context, p *policy.Policy, known map[string]signature.Key) error {
	p.Authorities = make(map[v1alpha1.RuleName]evidence.Fact[string], len(p.Spec.Authorities))
	for _, authority := range p.Spec.Authorities {
		key, err := r.key(ctx, *p, authority)
		if err != nil {
			return err
		}
		if key.State == evidence.Known {
			known[key.Value.Fingerprint] = key.Value
		}
		p.Authorities[authority.Name] = evidence.Fact[string]{
			State: key.State, Value: key.Value.Fingerprint, Reason: key.Reason, Message: key.Message,
		}
	}
	return r.readVEX(ctx, p)
}

// key returns the key of one authority, or why it cannot be used.
func (r *Resolver) key(ctx context.Context, p policy.Policy, authority v1alpha1.Authority) (evidence.Fact[signature.Key], error) {
	if authority.Key == nil {
		return evidence.Unchecked[signature.Key](v1alpha1.ReasonInvalidKey, "it has no key; set key"), nil
	}
	reference := authority.Key.ConfigMapKeyRef
	if reference == nil {
		return parse(authority.Key.Inline, "key.inline"), nil
	}
	at, text, missing, err := r.text(ctx, p, *reference, "the public key")
	switch {
	case err != nil:
		return evidence.Fact[signature.Key]{}, err
	case missing != "":
		return evidence.Unchecked[signature.Key](v1alpha1.ReasonKeyNotFound, missing), nil
	}
	return parse(text, at.String()), nil
}

// text reads what a policy refers to, and what is missing when it is not there. Policies refer to their own namespace, cluster-wide
// ones to Assay's.
func (r *Resolver) text(ctx context.Context, p policy.Policy, reference v1alpha1.ConfigMapKeyReference, what string) (at place, text, missing string, err error) {
	at = place{p.Namespace, reference}
	if at.namespace == "" {
		at.namespace = r.Namespace
	}
	text, err = r.ConfigMaps.Read(ctx, at.namespace, reference)
	switch {
	case errors.Is(err, ErrConfigMapNotFound):
		return at, "", fmt.Sprintf("ConfigMap %s does not exist in namespace %s; create it with %s under %s",
			reference.Name, at.namespace, what, reference.Key), nil
	case errors.Is(err, ErrKeyNotFound):
		return at, "", fmt.Sprintf("ConfigMap %s in namespace %s has no key %s; put %s there",
			reference.Name, at.namespace, reference.Key, what), nil
	case err != nil:
		return at, "", "", fmt.Errorf("read ConfigMap %s in namespace %s: %w", reference.Name, at.namespace, err)
	}
	return at, text, "", nil
}

// parse parses a public key that was found at the place.
func parse(text, place string) evidence.Fact[signature.Key] {
	key, err := signature.ParseKey([]byte(text))
	if err != nil {
		return evidence.Unchecked[signature.Key](v1alpha1.ReasonInvalidKey, fmt.Sprintf("%s: %s", place, err))
	}
	return evidence.Checked(key)
}
