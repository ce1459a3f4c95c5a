// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/internal/policy/keys"
)

// texts are the data of the ConfigMaps and Secrets in the files. One that does not say which namespace is its own may stand in any.
type texts map[keys.Kind]map[types.NamespacedName]map[string]string

var _ keys.TextReader = texts{}

func (t texts) addConfigMap(read corev1.ConfigMap) []error {
	return t.add(keys.ConfigMap, types.NamespacedName{Namespace: read.Namespace, Name: read.Name}, read.Data)
}

func (t texts) addSecret(read corev1.Secret) []error {
	data := make(map[string]string, len(read.Data)+len(read.StringData))
	for key, value := range read.Data {
		data[key] = string(value)
	}
	for key, value := range read.StringData {
		data[key] = value
	}
	return t.add(keys.Secret, types.NamespacedName{Namespace: read.Namespace, Name: read.Name}, data)
}

func (t texts) add(kind keys.Kind, name types.NamespacedName, data map[string]string) []error {
	if _, twice := t[kind][name]; twice {
		return []error{fmt.Errorf("the files hold another %s of this name in this namespace; leave one out", kind)}
	}
	if t[kind] == nil {
		t[kind] = map[types.NamespacedName]map[string]string{}
	}
	t[kind][name] = data
	return nil
}

// Read returns the text that stands in the place.
func (t texts) Read(_ context.Context, place keys.Place) (string, error) {
	named, found := t[place.Kind][types.NamespacedName{Namespace: place.Namespace, Name: place.Name}]
	anywhere, unbound := t[place.Kind][types.NamespacedName{Name: place.Name}]
	switch {
	case found && unbound:
		return "", errors.New("the files hold another one that does not say its namespace; write metadata.namespace there")
	case unbound:
		named = anywhere
	case !found:
		return "", keys.ErrNotFound
	}
	text, found := named[place.Key]
	if !found {
		return "", keys.ErrKeyNotFound
	}
	return text, nil
}
