// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package installation_test

import (
	"errors"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// TestANamespaceLetsItsSecretsBeRead holds that Assay reads no Secret of a namespace that did not ask for it, and those of
// one that did.
func TestANamespaceLetsItsSecretsBeRead(t *testing.T) {
	open, closed := newEnvironment(t, "open"), newEnvironment(t, "closed")
	for _, namespace := range []string{open, closed} {
		create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "pull"}})
	}
	create(t, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: open, Name: "assay-secret-reader"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "assay-secret-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: system, Name: controller}},
	})
	api := as(t, installed.controller)
	eventually(t, "the binding to count", func() error {
		return api.Get(t.Context(), client.ObjectKey{Namespace: open, Name: "pull"}, &corev1.Secret{})
	})
	for _, namespace := range []string{closed, "default"} {
		if err := api.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "pull"}, &corev1.Secret{}); !apierrors.IsForbidden(err) {
			t.Errorf("a Secret in namespace %s: got %v, want Forbidden", namespace, err)
		}
	}
	if err := api.List(t.Context(), &corev1.SecretList{}, client.InNamespace(open)); !apierrors.IsForbidden(err) {
		t.Errorf("a list of Secrets: got %v, want Forbidden", err)
	}
}

// TestRights asks the API server what each account may do.
func TestRights(t *testing.T) {
	tenant := newEnvironment(t, "tenant")
	for user, role := range map[string]string{"viewer": "view", "editor": "edit"} {
		create(t, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: user},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		})
	}
	accounts := map[string]client.Client{
		"controller": as(t, installed.controller), "webhook": as(t, installed.webhook),
		"viewer": impersonate(t, "viewer"), "editor": impersonate(t, "editor"),
	}
	assay := v1alpha1.GroupVersion.Group
	type right = authorizationv1.ResourceAttributes
	cases := map[string]struct {
		who  string
		what right
		want bool
	}{
		"the controller writes a status":                     {"controller", right{Verb: "patch", Group: assay, Resource: "trustedimages", Subresource: "status", Namespace: tenant}, true},
		"the controller writes no spec":                      {"controller", right{Verb: "patch", Group: assay, Resource: "trustedimages", Namespace: tenant}, false},
		"the controller creates no TrustedImage":             {"controller", right{Verb: "create", Group: assay, Resource: "trustedimages", Namespace: tenant}, false},
		"the controller reads ConfigMaps with keys":          {"controller", right{Verb: "get", Resource: "configmaps", Name: "keys", Namespace: tenant}, true},
		"the controller reads its seal key":                  {"controller", right{Verb: "get", Resource: "secrets", Name: "assay-seal-key", Namespace: system}, true},
		"the controller does not replace its seal key":       {"controller", right{Verb: "update", Resource: "secrets", Name: "assay-seal-key", Namespace: system}, false},
		"the controller reads no other Secret beside it":     {"controller", right{Verb: "get", Resource: "secrets", Name: "other", Namespace: system}, false},
		"the controller lists no Secrets":                    {"controller", right{Verb: "list", Resource: "secrets", Namespace: system}, false},
		"the controller tells events in every namespace":     {"controller", right{Verb: "create", Group: "events.k8s.io", Resource: "events", Namespace: tenant}, true},
		"the controller changes the webhook's configuration": {"controller", right{Verb: "update", Group: "admissionregistration.k8s.io", Resource: "validatingwebhookconfigurations", Name: "assay-webhook"}, true},
		"the controller changes no other configuration":      {"controller", right{Verb: "update", Group: "admissionregistration.k8s.io", Resource: "validatingwebhookconfigurations", Name: "other"}, false},
		"the controller does not change its guard":           {"controller", right{Verb: "update", Group: "admissionregistration.k8s.io", Resource: "validatingadmissionpolicies", Name: "assay-status-guard"}, false},
		"the controller creates no Pods":                     {"controller", right{Verb: "create", Resource: "pods", Namespace: tenant}, false},
		"the controller gives no rights":                     {"controller", right{Verb: "create", Group: rbacv1.GroupName, Resource: "rolebindings", Namespace: tenant}, false},
		"the webhook watches TrustedImages":                  {"webhook", right{Verb: "watch", Group: assay, Resource: "trustedimages"}, true},
		"the webhook writes no status":                       {"webhook", right{Verb: "patch", Group: assay, Resource: "trustedimages", Subresource: "status", Namespace: tenant}, false},
		"the webhook watches its certificate":                {"webhook", right{Verb: "watch", Resource: "secrets", Name: "assay-webhook-certificate", Namespace: system}, true},
		"the webhook does not read the seal key":             {"webhook", right{Verb: "get", Resource: "secrets", Name: "assay-seal-key", Namespace: system}, false},
		"the webhook reads no Secret elsewhere":              {"webhook", right{Verb: "get", Resource: "secrets", Name: "assay-webhook-certificate", Namespace: tenant}, false},
		"the controller asks whose a token is":               {"controller", right{Verb: "create", Group: "authentication.k8s.io", Resource: "tokenreviews"}, true},
		"the controller asks what somebody may do":           {"controller", right{Verb: "create", Group: "authorization.k8s.io", Resource: "subjectaccessreviews"}, true},
		"the controller is nobody else":                      {"controller", right{Verb: "impersonate", Resource: "users"}, false},
		"everybody may learn how to ask Assay":               {"viewer", right{Verb: "get", Resource: "configmaps", Name: "assay-query", Namespace: system}, true},
		"nobody may say how to ask Assay":                    {"editor", right{Verb: "update", Resource: "configmaps", Name: "assay-query", Namespace: system}, false},
		"who views a namespace reads nothing else of Assay":  {"viewer", right{Verb: "get", Resource: "configmaps", Name: "other", Namespace: system}, false},
		"who views a namespace forwards no port of Assay":    {"viewer", right{Verb: "create", Resource: "pods", Subresource: "portforward", Namespace: system}, false},
		"who views a namespace sees its images":              {"viewer", right{Verb: "list", Group: assay, Resource: "trustedimages", Namespace: tenant}, true},
		"who views a namespace declares nothing":             {"viewer", right{Verb: "create", Group: assay, Resource: "trustedimages", Namespace: tenant}, false},
		"who edits a namespace declares images":              {"editor", right{Verb: "create", Group: assay, Resource: "trustedimages", Namespace: tenant}, true},
		"who edits a namespace declares policies":            {"editor", right{Verb: "update", Group: assay, Resource: "imagepolicies", Namespace: tenant}, true},
		"who edits a namespace writes no status":             {"editor", right{Verb: "update", Group: assay, Resource: "trustedimages", Subresource: "status", Namespace: tenant}, false},
		"who edits a namespace writes no cluster policy":     {"editor", right{Verb: "create", Group: assay, Resource: "clusterimagepolicies"}, false},
	}
	// The roles view and edit take ours in after a moment.
	eventually(t, "the roles to be aggregated", func() error {
		if !may(t, accounts["editor"], right{Verb: "create", Group: assay, Resource: "trustedimages", Namespace: tenant}) ||
			!may(t, accounts["viewer"], right{Verb: "list", Group: assay, Resource: "trustedimages", Namespace: tenant}) {
			return errors.New("not yet")
		}
		return nil
	})
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if c.what.Version == "" {
				c.what.Version = "*"
			}
			if got := may(t, accounts[c.who], c.what); got != c.want {
				t.Errorf("%s may %+v: %t, want %t", c.who, c.what, got, c.want)
			}
		})
	}
}

func may(t *testing.T, c client.Client, what authorizationv1.ResourceAttributes) bool {
	t.Helper()
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &what}}
	if err := c.Create(t.Context(), review); err != nil {
		t.Fatal(err)
	}
	return review.Status.Allowed
}
