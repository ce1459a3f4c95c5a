// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cluster reads policies, and the ConfigMaps and Secrets that they refer to, from a cluster.
package cluster

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
)

// Policies lists the policies of a cluster.
type Policies struct {
	// Reader reads from a cache, in which it shares what it lists.
	Reader client.Reader
}

var _ keys.PolicyLister = Policies{}

// List returns the ImagePolicies of the namespace and all ClusterImagePolicies.
func (p Policies) List(ctx context.Context, namespace string) ([]policy.Policy, error) {
	var namespaced v1alpha1.ImagePolicyList
	if err := p.Reader.List(ctx, &namespaced, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list ImagePolicies: %w", err)
	}
	var clusterWide v1alpha1.ClusterImagePolicyList
	if err := p.Reader.List(ctx, &clusterWide, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list ClusterImagePolicies: %w", err)
	}
	policies := make([]policy.Policy, 0, len(namespaced.Items)+len(clusterWide.Items))
	for i := range namespaced.Items {
		policies = append(policies, policy.FromImagePolicy(&namespaced.Items[i]))
	}
	for i := range clusterWide.Items {
		policies = append(policies, policy.FromClusterImagePolicy(&clusterWide.Items[i]))
	}
	return policies, nil
}

// Texts reads the ConfigMaps and Secrets of a cluster.
type Texts struct {
	// Reader reads from the API server: a cache would hold every ConfigMap and every Secret of the cluster.
	Reader client.Reader
}

var _ keys.TextReader = Texts{}

// Read returns the text under the key; of a ConfigMap from data or binaryData.
func (t Texts) Read(ctx context.Context, place keys.Place) (string, error) {
	if place.Kind == keys.Secret {
		return t.secret(ctx, place)
	}
	var configMap corev1.ConfigMap
	err := t.Reader.Get(ctx, client.ObjectKey{Namespace: place.Namespace, Name: place.Name}, &configMap)
	if apierrors.IsNotFound(err) {
		return "", keys.ErrNotFound
	}
	if err != nil {
		return "", err
	}
	if text, found := configMap.Data[place.Key]; found {
		return text, nil
	}
	if text, found := configMap.BinaryData[place.Key]; found {
		return string(text), nil
	}
	return "", keys.ErrKeyNotFound
}

func (t Texts) secret(ctx context.Context, place keys.Place) (string, error) {
	var secret corev1.Secret
	err := t.Reader.Get(ctx, client.ObjectKey{Namespace: place.Namespace, Name: place.Name}, &secret)
	switch {
	case apierrors.IsNotFound(err):
		return "", keys.ErrNotFound
	case apierrors.IsForbidden(err):
		return "", keys.ErrForbidden
	case err != nil:
		return "", err
	}
	text, found := secret.Data[place.Key]
	if !found {
		return "", keys.ErrKeyNotFound
	}
	return string(text), nil
}
