// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/policy/keys/cluster"
	"github.com/assay-dev/assay/internal/vulnerability/feed"
)

// feedConfigMaps reads feeds from ConfigMaps in Assay's own namespace.
type feedConfigMaps struct {
	configMaps cluster.ConfigMaps
	namespace  string
}

var _ feed.ConfigMaps = feedConfigMaps{}

// Read implements feed.ConfigMaps.
func (f feedConfigMaps) Read(ctx context.Context, name, key string) ([]byte, error) {
	reference := v1alpha1.ConfigMapKeyReference{Name: v1alpha1.ObjectName(name), Key: key}
	text, err := f.configMaps.Read(ctx, f.namespace, reference)
	switch {
	case errors.Is(err, keys.ErrConfigMapNotFound):
		return nil, feed.ErrConfigMapNotFound
	case errors.Is(err, keys.ErrKeyNotFound):
		return nil, feed.ErrKeyNotFound
	}
	return []byte(text), err
}
