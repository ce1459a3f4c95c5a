// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
)

// maxPolicyFile bounds a policy file, in bytes.
const maxPolicyFile = 4 << 20

// manifests are the policies of the files given, with the ConfigMaps that hold their keys.
type manifests struct {
	policies   []policy.Policy
	configMaps map[string]map[string]string
}

var (
	_ keys.PolicyLister    = (*manifests)(nil)
	_ keys.ConfigMapReader = (*manifests)(nil)
)

// readManifests reads every policy and ConfigMap of the files. Policies hold in the environment that the image is judged for;
// without one, every policy holds.
func readManifests(paths []string, anyEnvironment bool) (*manifests, error) {
	m := &manifests{configMaps: map[string]map[string]string{}}
	for _, path := range paths {
		if err := m.read(path); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if len(m.policies) == 0 {
		return nil, errors.New("the files given by --policy hold no ImagePolicy or ClusterImagePolicy")
	}
	for i := range m.policies {
		if anyEnvironment {
			m.policies[i].Namespace, m.policies[i].Namespaces = "", []v1alpha1.NamespacePattern{"*"}
		}
	}
	return m, nil
}

// read reads a file, or every YAML file of a folder.
func (m *manifests) read(path string) error {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return m.readFile(path)
	}
	files, err := filepath.Glob(filepath.Join(path, "*.y*ml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := m.readFile(file); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
	}
	return nil
}

func (m *manifests) readFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // Only read from.
	documents := utilyaml.NewYAMLReader(bufio.NewReader(io.LimitReader(file, maxPolicyFile)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := m.add(document); err != nil {
			return err
		}
	}
}

func (m *manifests) add(document []byte) error {
	var kind struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal(document, &kind); err != nil {
		return err
	}
	switch kind.APIVersion + " " + kind.Kind {
	case v1alpha1.GroupVersion.String() + " ImagePolicy":
		var p v1alpha1.ImagePolicy
		if err := yaml.UnmarshalStrict(document, &p); err != nil {
			return err
		}
		m.policies = append(m.policies, policy.FromImagePolicy(&p))
	case v1alpha1.GroupVersion.String() + " ClusterImagePolicy":
		var p v1alpha1.ClusterImagePolicy
		if err := yaml.UnmarshalStrict(document, &p); err != nil {
			return err
		}
		m.policies = append(m.policies, policy.FromClusterImagePolicy(&p))
	case "v1 ConfigMap":
		var c corev1.ConfigMap
		if err := yaml.Unmarshal(document, &c); err != nil {
			return err
		}
		m.configMaps[c.Name] = c.Data
	}
	return nil
}

// List returns all policies.
func (m *manifests) List(context.Context, string) ([]policy.Policy, error) { return m.policies, nil }

// Read returns the text under the key of a ConfigMap in the files, whatever its namespace.
func (m *manifests) Read(_ context.Context, _ string, reference v1alpha1.ConfigMapKeyReference) (string, error) {
	data, found := m.configMaps[string(reference.Name)]
	if !found {
		return "", keys.ErrConfigMapNotFound
	}
	text, found := data[reference.Key]
	if !found {
		return "", keys.ErrKeyNotFound
	}
	return text, nil
}
