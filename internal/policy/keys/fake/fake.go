// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fake has hand-written doubles of the ports of package keys.
package fake

import (
	"context"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
)

// ConfigMaps are ConfigMaps by namespace/name, each with its texts by key. It counts how often it is read.
type ConfigMaps struct {
	Data  map[string]map[string]string
	Err   error
	Reads int
}

var _ keys.ConfigMapReader = &ConfigMaps{}

// Read returns Err when it is set, and otherwise what Data holds.
func (c *ConfigMaps) Read(_ context.Context, namespace string, reference v1alpha1.ConfigMapKeyReference) (string, error) {
	c.Reads++
	if c.Err != nil {
		return "", c.Err
	}
	configMap, found := c.Data[namespace+"/"+string(reference.Name)]
	if !found {
		return "", keys.ErrConfigMapNotFound
	}
	text, found := configMap[reference.Key]
	if !found {
		return "", keys.ErrKeyNotFound
	}
	return text, nil
}

// Policies are the policies of every namespace.
type Policies struct {
	All []policy.Policy
	Err error
}

var _ keys.PolicyLister = Policies{}

// List returns Err when it is set, and otherwise all policies.
func (p Policies) List(context.Context, string) ([]policy.Policy, error) { return p.All, p.Err }
