// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/policy/keys"
)

// configMaps are the data of the ConfigMaps in the files. One that does not say which namespace is its own may stand in any.
type configMaps map[types.NamespacedName]map[string]string

var _ keys.ConfigMapReader = configMaps{}

func (c configMaps) add(read corev1.ConfigMap) []error {
	name := types.NamespacedName{Namespace: read.Namespace, Name: read.Name}
	if _, twice := c[name]; twice {
		return []error{errors.New("the files hold another ConfigMap of this name in this namespace; leave one out")}
	}
	c[name] = read.Data
	return nil
}

// Read returns the text under the key of a ConfigMap.
func (c configMaps) Read(_ context.Context, namespace string, reference v1alpha1.ConfigMapKeyReference) (string, error) {
	named, found := c[types.NamespacedName{Namespace: namespace, Name: string(reference.Name)}]
	anywhere, unbound := c[types.NamespacedName{Name: string(reference.Name)}]
	switch {
	case found && unbound:
		return "", errors.New("the files hold another one that does not say its namespace; write metadata.namespace there")
	case unbound:
		named = anywhere
	case !found:
		return "", keys.ErrConfigMapNotFound
	}
	text, found := named[reference.Key]
	if !found {
		return "", keys.ErrKeyNotFound
	}
	return text, nil
}
