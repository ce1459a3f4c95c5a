// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// maxPolicyFile bounds a policy file, in bytes.
const maxPolicyFile = 4 << 20

// read reads a file, or every YAML file of a folder, and returns everything that is wrong there.
func (m *manifests) read(ctx context.Context, path string) []error {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return m.readFile(ctx, path)
	}
	files, err := filepath.Glob(filepath.Join(path, "*.y*ml"))
	if err != nil {
		return []error{fmt.Errorf("%s: %w", path, err)}
	}
	var problems []error
	for _, file := range files {
		problems = append(problems, m.readFile(ctx, file)...)
	}
	return problems
}

func (m *manifests) readFile(ctx context.Context, path string) []error {
	content, err := readBounded(path)
	if err != nil {
		return []error{fmt.Errorf("--policy: %w", err)}
	}
	var problems []error
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for number := 1; ; number++ {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return problems
		}
		if err == nil {
			var found []error
			if found, err = m.readDocument(ctx, document); err == nil {
				for _, problem := range found {
					problems = append(problems, fmt.Errorf("%s: %w", path, problem))
				}
				continue
			}
		}
		return append(problems, fmt.Errorf("%s: document %d: %w", path, number, err))
	}
}

// readBounded reads a file that is not too large.
func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // Only read from.
	content, err := io.ReadAll(io.LimitReader(file, maxPolicyFile+1))
	if err == nil && len(content) > maxPolicyFile {
		return nil, fmt.Errorf("%s is larger than %d MiB; split it", path, maxPolicyFile>>20)
	}
	return content, err
}

// readDocument takes what a document holds. The error says that it is no object at all.
func (m *manifests) readDocument(ctx context.Context, document []byte) ([]error, error) {
	content, ambiguous := yaml.YAMLToJSONStrict(document)
	if ambiguous != nil {
		var err error
		if content, err = yaml.YAMLToJSON(document); err != nil {
			return nil, err
		}
	}
	var object map[string]any
	if err := json.Unmarshal(content, &object); err != nil {
		return nil, err
	}
	whole := unstructured.Unstructured{Object: object}
	if ambiguous != nil && isOurs(whole) {
		return []error{fmt.Errorf("%s: %w", titleOf(whole), ambiguous)}, nil
	}
	return m.unfold(ctx, whole), nil
}

// unfold takes an object, or every object of a list such as kubectl get writes.
func (m *manifests) unfold(ctx context.Context, object unstructured.Unstructured) []error {
	element, list := strings.CutSuffix(object.GetKind(), "List")
	if !list || !isOurs(object) {
		var problems []error
		for _, problem := range m.add(ctx, object.GroupVersionKind(), object.Object) {
			problems = append(problems, fmt.Errorf("%s: %w", titleOf(object), problem))
		}
		return problems
	}
	items, is := object.Object["items"].([]any)
	if !is {
		return []error{fmt.Errorf("%s: items is no list", titleOf(object))}
	}
	var problems []error
	for i, item := range items {
		content, is := item.(map[string]any)
		if !is {
			problems = append(problems, fmt.Errorf("%s: items[%d] is no object", titleOf(object), i))
			continue
		}
		one := unstructured.Unstructured{Object: content}
		if element != "" && one.GetKind() == "" { // the items of a list of one kind need not repeat it
			one.SetAPIVersion(object.GetAPIVersion())
			one.SetKind(element)
		}
		problems = append(problems, m.unfold(ctx, one)...)
	}
	return problems
}

// isOurs says that the object may be, or hold, a policy, a ConfigMap or a Secret.
func isOurs(object unstructured.Unstructured) bool {
	return object.GroupVersionKind().Group == v1alpha1.GroupVersion.Group || object.GetAPIVersion() == corev1.SchemeGroupVersion.String()
}

// titleOf names an object for people.
func titleOf(object unstructured.Unstructured) string {
	name := object.GetName()
	if namespace := object.GetNamespace(); namespace != "" {
		name = namespace + "/" + name
	}
	return fmt.Sprintf("%s %s", cmp.Or(object.GetKind(), "object without a kind"), cmp.Or(name, "without a name"))
}
