// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/test/controlplane"
	"github.com/assay-dev/assay/test/manifests"
)

// cluster is a control plane that knows Assay's kinds, with a namespace for the test.
type cluster struct {
	config    *rest.Config
	client    client.Client
	namespace string
}

func newCluster(t *testing.T) cluster {
	t.Helper()
	config := controlplane.ForTest(t).Config()
	config.QPS = -1
	types := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(types); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(config, client.Options{Scheme: types})
	if err != nil {
		t.Fatal(err)
	}
	definitions, err := manifests.Render("crd")
	if err != nil {
		t.Fatal(err)
	}
	if err := manifests.Apply(t.Context(), c, definitions); err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "api-"}}
	if err := c.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	return cluster{config: config, client: c, namespace: namespace.Name}
}

// asMap returns the object as JSON's own types, with numbers as they are written.
func asMap(t *testing.T, object any) map[string]any {
	t.Helper()
	encoded, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var decoded map[string]any
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}
