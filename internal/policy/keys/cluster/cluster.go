// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cluster reads policies and the ConfigMaps that hold their keys from a cluster.
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

// ConfigMaps reads keys from the ConfigMaps of a cluster.
type ConfigMaps struct {
	// Reader reads from the API server: a cache would hold every ConfigMap of the cluster.
	Reader client.Reader
}

var _ keys.ConfigMapReader = ConfigMaps{}

// Read returns the text under the key, from data or binaryData.
func (c ConfigMaps) Read(ctx context.Context, namespace string, reference v1alpha1.ConfigMapKeyReference) (string, error) {
	var configMap corev1.ConfigMap
	err := c.Reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: string(reference.Name)}, &configMap)
	if apierrors.IsNotFound(err) {
		return "", keys.ErrConfigMapNotFound
	}
	if err != nil {
		return "", err
	}
	if text, found := configMap.Data[reference.Key]; found {
		return text, nil
	}
	if text, found := configMap.BinaryData[reference.Key]; found {
		return string(text), nil
	}
	return "", keys.ErrKeyNotFound
}
