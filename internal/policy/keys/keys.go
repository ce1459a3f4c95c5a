// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package keys finds the public keys that policies name. Adaptors to a cluster stand in keys/cluster.
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

// ConfigMapReader reads public keys from ConfigMaps.
type ConfigMapReader interface {
	// Read returns the text under one key of a ConfigMap. The error wraps ErrConfigMapNotFound or ErrKeyNotFound when there
	// is none; any other says that nobody could look, and is worth another try.
	Read(ctx context.Context, namespace string, reference v1alpha1.ConfigMapKeyReference) (string, error)
}

// PolicyLister lists policies.
type PolicyLister interface {
	// List returns the policies that may hold in the namespace, without their authorities. They must not be changed.
	List(ctx context.Context, namespace string) ([]policy.Policy, error)
}

// Set is policies with their authorities, and the keys whose signatures they count.
type Set struct {
	Policies []policy.Policy
	// Keys are distinct, in the order of their fingerprints.
	Keys []signature.Key
}

// Resolver finds the keys of policies. It is safe for concurrent use when its ports are.
type Resolver struct {
	Policies   PolicyLister
	ConfigMaps ConfigMapReader
	// Namespace is Assay's own: cluster-wide policies refer to ConfigMaps there.
	Namespace string
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

// Resolve fills the policies' authorities. A key that does not exist or cannot be parsed is a fact that the authority
// bears; the error says that a key could not be read, and is worth another try.
func (r *Resolver) Resolve(ctx context.Context, policies []policy.Policy) (Set, error) {
	known := map[string]signature.Key{}
	set := Set{Policies: make([]policy.Policy, 0, len(policies))}
	for _, p := range policies {
		p.Authorities = make(map[v1alpha1.RuleName]evidence.Fact[string], len(p.Spec.Authorities))
		for _, authority := range p.Spec.Authorities {
			key, err := r.key(ctx, p, authority)
			if err != nil {
				return Set{}, err
			}
			if key.State == evidence.Known {
				known[key.Value.Fingerprint] = key.Value
			}
			p.Authorities[authority.Name] = evidence.Fact[string]{
				State: key.State, Value: key.Value.Fingerprint, Reason: key.Reason, Message: key.Message,
			}
		}
		set.Policies = append(set.Policies, p)
	}
	for _, fingerprint := range policy.Fingerprints(set.Policies) {
		set.Keys = append(set.Keys, known[fingerprint])
	}
	return set, nil
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
	namespace := p.Namespace
	if namespace == "" {
		namespace = r.Namespace
	}
	text, err := r.ConfigMaps.Read(ctx, namespace, *reference)
	switch {
	case errors.Is(err, ErrConfigMapNotFound):
		return evidence.Unchecked[signature.Key](v1alpha1.ReasonKeyNotFound, fmt.Sprintf(
			"ConfigMap %s does not exist in namespace %s; create it with the public key under %s", reference.Name, namespace, reference.Key)), nil
	case errors.Is(err, ErrKeyNotFound):
		return evidence.Unchecked[signature.Key](v1alpha1.ReasonKeyNotFound, fmt.Sprintf(
			"ConfigMap %s in namespace %s has no key %s; put the public key there", reference.Name, namespace, reference.Key)), nil
	case err != nil:
		return evidence.Fact[signature.Key]{}, fmt.Errorf("read ConfigMap %s in namespace %s: %w", reference.Name, namespace, err)
	}
	return parse(text, fmt.Sprintf("%s of ConfigMap %s in namespace %s", reference.Key, reference.Name, namespace)), nil
}

// parse parses a public key that was found at the place.
func parse(text, place string) evidence.Fact[signature.Key] {
	key, err := signature.ParseKey([]byte(text))
	if err != nil {
		return evidence.Unchecked[signature.Key](v1alpha1.ReasonInvalidKey, fmt.Sprintf("%s: %s", place, err))
	}
	return evidence.Checked(key)
}
