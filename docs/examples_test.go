// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/assay-dev/assay/test/controlplane"
	"github.com/assay-dev/assay/test/manifests"
)

// namespace of these tests, in which nothing is left behind.
const namespace = "docs-examples"

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
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			documents := examples(t, kind.pages[0])
			if len(documents) == 0 {
				t.Errorf("%s has no example", kind.pages[0])
			}
			for _, document := range documents {
				object := &unstructured.Unstructured{}
				if err := yaml.UnmarshalStrict([]byte(document), &object.Object); err != nil {
					t.Fatal(err)
				}
				if object.GetNamespace() != "" {
					object.SetNamespace(namespace)
				}
				if err := api.Create(t.Context(), object, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict)); err != nil {
					t.Errorf("%v\n%s", err, document)
				}
			}
		})
	}
}
