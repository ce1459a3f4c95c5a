// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package installation_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// TestNobodyButTheControllerWritesAStatus tries every way to write a status, as everybody who has every right.
func TestNobodyButTheControllerWritesAStatus(t *testing.T) {
	namespace := newEnvironment(t, "guarded")
	grantEverything(t, namespace, "namespace-admin")
	bindClusterRole(t, "cluster-admin", "cluster-admin")
	forgers := map[string]client.Client{
		"a namespace's administrator with *": impersonate(t, "namespace-admin"),
		"a cluster administrator":            impersonate(t, "cluster-admin"),
		"a member of system:masters":         installed.admin,
		"assay-webhook's account with *":     impersonate(t, "system:serviceaccount:assay-system:assay-webhook", "system:masters"),
		"a lookalike in another namespace":   impersonate(t, "system:serviceaccount:"+namespace+":assay-controller", "system:masters"),
	}
	status := map[string]any{"trusted": forgedDigest()}
	ways := map[string]func(client.Client, *v1alpha1.TrustedImage) error{
		"PUT": func(c client.Client, o *v1alpha1.TrustedImage) error {
			o.Status.Trusted = forgedDigest()
			return c.Status().Update(t.Context(), o)
		},
		"merge patch": func(c client.Client, o *v1alpha1.TrustedImage) error {
			return c.Status().Patch(t.Context(), o, client.RawPatch(types.MergePatchType, encode(t, map[string]any{"status": status})))
		},
		"JSON patch": func(c client.Client, o *v1alpha1.TrustedImage) error {
			return c.Status().Patch(t.Context(), o, client.RawPatch(types.JSONPatchType, encode(t, []map[string]any{
				{"op": "add", "path": "/status/trusted", "value": forgedDigest()},
			})))
		},
		"server-side apply by force": func(c client.Client, o *v1alpha1.TrustedImage) error {
			applied := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "assay.dev/v1alpha1", "kind": "TrustedImage", "status": plain(t, status)}}
			applied.SetNamespace(o.Namespace)
			applied.SetName(o.Name)
			return c.Status().Apply(t.Context(), client.ApplyConfigurationFromUnstructured(applied), client.FieldOwner("forger"), client.ForceOwnership)
		},
	}
	for who, c := range forgers {
		for how, write := range ways {
			t.Run(who+" by "+how, func(t *testing.T) {
				object := newTrustedImage(namespace, "")
				object.GenerateName = "image-"
				create(t, object)
				if err := write(c, object.DeepCopy()); !apierrors.IsForbidden(err) {
					t.Errorf("got %v, want Forbidden", err)
				}
				expectNoTrust(t, object)
			})
		}
	}
}

// TestTheMainResourceDoesNotWriteAStatus holds that what is sent as a status with the object itself is dropped.
func TestTheMainResourceDoesNotWriteAStatus(t *testing.T) {
	namespace := newEnvironment(t, "guarded")
	status := map[string]any{"trusted": forgedDigest()}
	ways := map[string]func(*v1alpha1.TrustedImage) error{
		"create with a status": func(o *v1alpha1.TrustedImage) error {
			if err := installed.admin.Delete(t.Context(), o.DeepCopy()); err != nil {
				return err
			}
			o.ResourceVersion, o.UID, o.Status.Trusted = "", "", forgedDigest()
			return installed.admin.Create(t.Context(), o)
		},
		"PUT": func(o *v1alpha1.TrustedImage) error {
			o.Status.Trusted = forgedDigest()
			return installed.admin.Update(t.Context(), o)
		},
		"merge patch": func(o *v1alpha1.TrustedImage) error {
			return installed.admin.Patch(t.Context(), o, client.RawPatch(types.MergePatchType, encode(t, map[string]any{"status": status})))
		},
		"server-side apply by force": func(o *v1alpha1.TrustedImage) error {
			applied := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "assay.dev/v1alpha1", "kind": "TrustedImage", "status": plain(t, status)}}
			applied.SetNamespace(o.Namespace)
			applied.SetName(o.Name)
			return installed.admin.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(applied), client.FieldOwner("forger"), client.ForceOwnership)
		},
	}
	for how, write := range ways {
		t.Run(how, func(t *testing.T) {
			object := newTrustedImage(namespace, "")
			object.GenerateName = "image-"
			create(t, object)
			if err := write(object.DeepCopy()); err != nil {
				t.Errorf("got %v, want the status to be dropped in silence", err)
			}
			expectNoTrust(t, object)
		})
	}
}

// TestPoliciesAreGuardedAsWell holds that nobody makes a policy seem applied.
func TestPoliciesAreGuardedAsWell(t *testing.T) {
	namespace := newEnvironment(t, "guarded")
	policies := map[string]client.Object{
		"ImagePolicy":        &v1alpha1.ImagePolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "policy"}},
		"ClusterImagePolicy": &v1alpha1.ClusterImagePolicy{ObjectMeta: metav1.ObjectMeta{Name: namespace}, Spec: v1alpha1.ClusterPolicySpec{Namespaces: []v1alpha1.NamespacePattern{"none"}}},
	}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"status":{"observedGeneration":7}}`))
	for kind, policy := range policies {
		create(t, policy)
		if err := installed.admin.Status().Patch(t.Context(), policy.DeepCopyObject().(client.Object), patch); !apierrors.IsForbidden(err) {
			t.Errorf("%s by system:masters: got %v, want Forbidden", kind, err)
		}
		if err := as(t, installed.controller).Status().Patch(t.Context(), policy, patch); err != nil {
			t.Errorf("%s by the controller: %v", kind, err)
		}
	}
}

// TestTheControllerWritesOnlyStatus holds that it may write what it found, and no spec, label or annotation.
func TestTheControllerWritesOnlyStatus(t *testing.T) {
	object := newTrustedImage(newEnvironment(t, "guarded"), "checkout")
	create(t, object)
	api := as(t, installed.controller)

	changed := object.DeepCopy()
	changed.Status.Trusted = installed.seal.trusted(t, object.Namespace, object.Name, "good")
	changed.Labels = map[string]string{"by": "assay"}
	changed.Spec.Suspend = true
	if err := api.Status().Patch(t.Context(), changed, client.MergeFromWithOptions(object, client.MergeFromWithOptimisticLock{})); err != nil {
		t.Fatal(err)
	}
	var stored v1alpha1.TrustedImage
	if err := installed.admin.Get(t.Context(), client.ObjectKeyFromObject(object), &stored); err != nil {
		t.Fatal(err)
	}
	if stored.Status.Trusted == nil || stored.Spec.Suspend || len(stored.Labels) > 0 {
		t.Errorf("the status stores %+v, the spec %+v, the labels %v", stored.Status.Trusted, stored.Spec, stored.Labels)
	}
	for how, err := range map[string]error{
		"update": api.Update(t.Context(), stored.DeepCopy()),
		"patch":  api.Patch(t.Context(), stored.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(`{"spec":{"suspend":true}}`))),
		"delete": api.Delete(t.Context(), stored.DeepCopy()),
	} {
		if !apierrors.IsForbidden(err) {
			t.Errorf("%s of a TrustedImage by the controller: got %v, want Forbidden", how, err)
		}
	}
}

// expectNoTrust reads the object and holds that its status is as it was created.
func expectNoTrust(t *testing.T, object *v1alpha1.TrustedImage) {
	t.Helper()
	var stored v1alpha1.TrustedImage
	if err := installed.admin.Get(t.Context(), client.ObjectKeyFromObject(object), &stored); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v1alpha1.TrustedImageStatus{ObservedGeneration: -1}, stored.Status); diff != "" {
		t.Errorf("the status was written: want -, got +:\n%s", diff)
	}
}

// grantEverything gives a user every right in a namespace.
func grantEverything(t *testing.T, namespace, user string) {
	t.Helper()
	create(t, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "everything"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}},
	})
	create(t, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "everything"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "everything"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	})
}

// bindClusterRole gives a user a ClusterRole everywhere.
func bindClusterRole(t *testing.T, role, user string) {
	t.Helper()
	create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{GenerateName: user + "-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	})
}

func encode(t *testing.T, value any) []byte {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// plain returns the value as JSON's own types.
func plain(t *testing.T, value any) any {
	t.Helper()
	var decoded any
	if err := json.Unmarshal(encode(t, value), &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}
