// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
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

func TestTexts(t *testing.T) {
	meta := metav1.ObjectMeta{Namespace: "prod", Name: "keys"}
	texts := cluster.Texts{Reader: reader(t,
		&corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{"text.pub": "text"}, BinaryData: map[string][]byte{"binary.pub": []byte("binary")}},
		&corev1.Secret{ObjectMeta: meta, Data: map[string][]byte{"secret.pub": []byte("secret")}},
	)}
	for name, test := range map[string]struct {
		kind      keys.Kind
		namespace string
		key       string
		want      string
		err       error
	}{
		"a text is read":                           {keys.ConfigMap, "prod", "text.pub", "text", nil},
		"a text that is kept as bytes is read":     {keys.ConfigMap, "prod", "binary.pub", "binary", nil},
		"a key that is not there is missing":       {keys.ConfigMap, "prod", "other.pub", "", keys.ErrKeyNotFound},
		"a Secret's key is none of a ConfigMap's":  {keys.ConfigMap, "prod", "secret.pub", "", keys.ErrKeyNotFound},
		"a ConfigMap that is not there is missing": {keys.ConfigMap, "dev", "text.pub", "", keys.ErrNotFound},
		"a text of a Secret is read":               {keys.Secret, "prod", "secret.pub", "secret", nil},
		"a ConfigMap's key is none of a Secret's":  {keys.Secret, "prod", "text.pub", "", keys.ErrKeyNotFound},
		"a Secret that is not there is missing":    {keys.Secret, "dev", "secret.pub", "", keys.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := texts.Read(t.Context(), keys.Place{Kind: test.kind, Namespace: test.namespace, Name: "keys", Key: test.key})
			if got != test.want || !errors.Is(err, test.err) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// refusing answers every question with an error.
type refusing struct {
	client.Reader
	err error
}

func (r refusing) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return r.err
}

func TestTextsThatNobodyMayOrCanRead(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "keys", errors.New("RBAC"))
	gone := errors.New("the API server is gone")
	for name, test := range map[string]struct {
		kind      keys.Kind
		err       error
		forbidden bool
	}{
		"a Secret that Assay may not read":       {keys.Secret, forbidden, true},
		"a Secret that nobody can read now":      {keys.Secret, gone, false},
		"a ConfigMap that nobody can read now":   {keys.ConfigMap, gone, false},
		"a ConfigMap that a broken role forbids": {keys.ConfigMap, forbidden, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cluster.Texts{Reader: refusing{err: test.err}}.Read(t.Context(), keys.Place{Kind: test.kind, Namespace: "prod", Name: "keys", Key: "a"})
			if errors.Is(err, keys.ErrForbidden) != test.forbidden || !test.forbidden && !errors.Is(err, test.err) {
				t.Errorf("got %v", err)
			}
		})
	}
}
