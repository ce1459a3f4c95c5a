// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/policy/keys/cluster"
)

func reader(t *testing.T, objects ...client.Object) client.Reader {
	t.Helper()
	types := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(types); err != nil {
			t.Fatal(err)
		}
	}
	return fake.NewClientBuilder().WithScheme(types).WithObjects(objects...).Build()
}

func TestPoliciesAreThoseThatMayHoldInTheNamespace(t *testing.T) {
	policies := cluster.Policies{Reader: reader(t,
		&v1alpha1.ImagePolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: "strict"}},
		&v1alpha1.ImagePolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "loose"}},
		&v1alpha1.ClusterImagePolicy{ObjectMeta: metav1.ObjectMeta{Name: "everywhere"}},
	)}
	got, err := policies.List(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"everywhere", "prod/strict"}, policy.Names(got)); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
}

func TestPoliciesThatCannotBeListedAreAnError(t *testing.T) {
	nothing := fake.NewClientBuilder().WithScheme(runtime.NewScheme()).Build()
	if _, err := (cluster.Policies{Reader: nothing}).List(t.Context(), "prod"); err == nil {
		t.Error("no error")
	}
}

func TestConfigMaps(t *testing.T) {
	configMaps := cluster.ConfigMaps{Reader: reader(t, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: "keys"},
		Data:       map[string]string{"text.pub": "text"}, BinaryData: map[string][]byte{"binary.pub": []byte("binary")},
	})}
	for name, test := range map[string]struct {
		namespace string
		key       string
		want      string
		err       error
	}{
		"a text is read":                           {"prod", "text.pub", "text", nil},
		"a text that is kept as bytes is read":     {"prod", "binary.pub", "binary", nil},
		"a key that is not there is missing":       {"prod", "other.pub", "", keys.ErrKeyNotFound},
		"a ConfigMap that is not there is missing": {"dev", "text.pub", "", keys.ErrConfigMapNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := configMaps.Read(t.Context(), test.namespace, v1alpha1.ConfigMapKeyReference{Name: "keys", Key: test.key})
			if got != test.want || !errors.Is(err, test.err) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
