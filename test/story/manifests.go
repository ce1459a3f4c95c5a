// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/assay-dev/assay/test/manifests"
)

// templates are manifests in which ${REGISTRY} stands for the registry's host and port, and ${PUBLIC_KEY} for the public key.
//
//go:embed manifests
var templates embed.FS

// The manifests of the story.
const (
	Namespaces = "namespaces.yaml"
	Keys       = "keys.yaml"
	Policies   = "policies.yaml"
	Checkout   = "checkout.yaml"
	Legacy     = "legacy.yaml"
)

// Manifest returns one of the story's manifests, filled in for this world.
func (w *World) Manifest(name string) ([]byte, error) {
	template, err := templates.ReadFile("manifests/" + name)
	if err != nil {
		return nil, err
	}
	return w.Expand(string(template))
}

// Expand fills a template of manifests in.
func (w *World) Expand(template string) ([]byte, error) {
	key, err := os.ReadFile(w.Keys.Public)
	if err != nil {
		return nil, err
	}
	indented := strings.ReplaceAll(strings.TrimSpace(string(key)), "\n", "\n    ")
	return []byte(strings.NewReplacer("${REGISTRY}", w.Registry, "${PUBLIC_KEY}", indented).Replace(template)), nil
}

// ApplyManifests applies some of the story's manifests.
func (w *World) ApplyManifests(ctx context.Context, names ...string) error {
	for _, name := range names {
		content, err := w.Manifest(name)
		if err != nil {
			return err
		}
		if err := w.Apply(ctx, content); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// Apply applies the objects of a YAML file as the administrator.
func (w *World) Apply(ctx context.Context, content []byte) error {
	objects, err := Decode(content)
	if err != nil {
		return err
	}
	return w.ApplyObjects(ctx, objects...)
}

// ApplyObjects applies objects as the administrator.
func (w *World) ApplyObjects(ctx context.Context, objects ...*unstructured.Unstructured) error {
	return manifests.Apply(ctx, w.Admin, objects)
}

// Decode reads the objects of a YAML file.
func Decode(content []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		encoded, err := yaml.YAMLToJSON(document)
		if err != nil {
			return nil, err
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(encoded); err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
}
