// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fake has hand-written doubles of the ports of package keys.
package fake

import (
	"context"

	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
)

// Texts are ConfigMaps and Secrets by namespace/name, each with its texts by key. It counts how often it is read.
type Texts struct {
	ConfigMaps map[string]map[string]string
	Secrets    map[string]map[string]string
	// Forbidden are namespaces whose Secrets may not be read.
	Forbidden map[string]bool
	Err       error
	Reads     int
}

var _ keys.TextReader = &Texts{}

// Read returns Err when it is set, and otherwise what the objects hold.
func (t *Texts) Read(_ context.Context, place keys.Place) (string, error) {
	t.Reads++
	objects := t.ConfigMaps
	switch {
	case t.Err != nil:
		return "", t.Err
	case place.Kind == keys.Secret && t.Forbidden[place.Namespace]:
		return "", keys.ErrForbidden
	case place.Kind == keys.Secret:
		objects = t.Secrets
	}
	object, found := objects[place.Namespace+"/"+place.Name]
	if !found {
		return "", keys.ErrNotFound
	}
	text, found := object[place.Key]
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
