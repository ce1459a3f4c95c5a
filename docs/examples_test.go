// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/test/controlplane"
	"github.com/assay-dev/assay/test/manifests"
)

// namespace of these tests, in which nothing is left behind.
const namespace = "docs-examples"

// block matches examples in YAML.
var block = regexp.MustCompile("(?s)\n```yaml\n(.*?)\n```")

// examples returns the objects of all examples on a page. What has no kind is a part of the spec of an ImagePolicy.
func examples(t *testing.T, page string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for _, match := range block.FindAllStringSubmatch(read(t, page), -1) {
		for document := range strings.SplitSeq(match[1], "\n---\n") {
			object := &unstructured.Unstructured{}
			if err := yaml.UnmarshalStrict([]byte(document), &object.Object); err != nil {
				t.Fatalf("%s: %v\n%s", page, err, document)
			}
			if object.GetKind() == "" {
				object.Object = map[string]any{"spec": object.Object}
				object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("ImagePolicy"))
				object.SetNamespace(namespace)
				object.SetName("example")
			}
			objects = append(objects, object)
		}
	}
	return objects
}

// TestPoliciesInExamplesDoWhatTheySay holds that nothing in them is accepted and then cannot be applied.
func TestPoliciesInExamplesDoWhatTheySay(t *testing.T) {
	keys := 0
	for _, page := range pages(t) {
		for _, object := range examples(t, page) {
			if object.GetKind() != "ImagePolicy" && object.GetKind() != "ClusterImagePolicy" {
				continue
			}
			var p v1alpha1.ImagePolicy
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &p); err != nil {
				t.Fatalf("%s: %v", page, err)
			}
			for _, problem := range policy.Check(p.Spec) {
				t.Errorf("%s, %s: %v", page, p.Name, problem)
			}
			for _, authority := range p.Spec.Authorities {
				if authority.Key == nil || authority.Key.Inline == "" {
					continue
				}
				keys++
				if _, err := signature.ParseKey([]byte(authority.Key.Inline)); err != nil {
					t.Errorf("%s, %s: %v", page, authority.Name, err)
				}
			}
		}
	}
	if keys == 0 {
		t.Error("no example has a key")
	}
}

func TestTheAPIServerAcceptsEveryExample(t *testing.T) {
	api, err := client.New(controlplane.ForTest(t).Config(), client.Options{Scheme: scheme.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	definitions, err := manifests.Render("crd")
	if err != nil {
		t.Fatal(err)
	}
	if err := manifests.Apply(t.Context(), api, definitions); err != nil {
		t.Fatal(err)
	}
	err = api.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	for _, page := range pages(t) {
		for _, object := range examples(t, page) {
			if object.GetNamespace() != "" {
				object.SetNamespace(namespace)
			}
			if err := api.Create(t.Context(), object, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict)); err != nil {
				t.Errorf("%s: %v\n%v", page, err, object.Object)
			}
		}
	}
	for name, kind := range kinds {
		if len(examples(t, kind.pages[0])) == 0 {
			t.Errorf("%s: %s has no example", name, kind.pages[0])
		}
	}
}
