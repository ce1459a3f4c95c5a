// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package manifests installs what config ships: it renders kustomizations and applies them, so that tests and the demo
// run with the very CRDs, rights, guard and webhook configuration that users get.
package manifests

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Render renders the kustomization in a folder of config, such as "crd" or "default".
func Render(folder string) ([]*unstructured.Unstructured, error) {
	config, err := configFolder()
	if err != nil {
		return nil, err
	}
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionLegacy // Namespaces and CRDs first, webhooks last.
	resources, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), filepath.Join(config, folder))
	if err != nil {
		return nil, fmt.Errorf("render config/%s: %w", folder, err)
	}
	objects := make([]*unstructured.Unstructured, 0, resources.Size())
	for _, r := range resources.Resources() {
		content, err := r.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("render config/%s: %w", folder, err)
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(content); err != nil {
			return nil, fmt.Errorf("render config/%s: %w", folder, err)
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// Only returns the objects of the kinds given.
func Only(objects []*unstructured.Unstructured, kinds ...string) []*unstructured.Unstructured {
	return pick(objects, func(o *unstructured.Unstructured) bool { return slices.Contains(kinds, o.GetKind()) })
}

// Without returns the objects of other kinds than those given. A control plane that runs the operator outside of it has
// no use for a Deployment.
func Without(objects []*unstructured.Unstructured, kinds ...string) []*unstructured.Unstructured {
	return pick(objects, func(o *unstructured.Unstructured) bool { return !slices.Contains(kinds, o.GetKind()) })
}

func pick(objects []*unstructured.Unstructured, wanted func(*unstructured.Unstructured) bool) []*unstructured.Unstructured {
	var picked []*unstructured.Unstructured
	for _, o := range objects {
		if wanted(o) {
			picked = append(picked, o)
		}
	}
	return picked
}

// configFolder is config beside the nearest go.mod, from the working directory upwards.
func configFolder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "config"), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod in the working directory or above it")
		}
		dir = parent
	}
}
