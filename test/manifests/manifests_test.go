// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/assay-dev/assay/test/manifests"
)

// right is one rule of one role.
type right struct {
	kind, role string
	rbacv1.PolicyRule
}

func (r right) forUsers() bool {
	return strings.HasPrefix(r.role, "assay-viewer") || strings.HasPrefix(r.role, "assay-editor")
}

func (r right) writes() bool {
	return intersect(r.Verbs, "create", "update", "patch", "delete", "deletecollection")
}

// TestRights holds what no role may give: what somebody could use to trust an image or to read a Secret.
func TestRights(t *testing.T) {
	never := map[string]func(right) bool{
		"a wildcard": func(r right) bool {
			all := slices.Concat(r.APIGroups, r.Resources, r.Verbs, r.ResourceNames, r.NonResourceURLs)
			return slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, "*") })
		},
		"a way to more rights": func(r right) bool { return intersect(r.Verbs, "bind", "escalate", "impersonate") },
		"Secrets in every namespace": func(r right) bool {
			return r.kind == "ClusterRole" && intersect(r.Resources, "secrets") && r.role != "assay-secret-reader"
		},
		"Secrets of any name": func(r right) bool {
			return r.kind == "Role" && intersect(r.Resources, "secrets") && len(r.ResourceNames) == 0 && !slices.Equal(r.Verbs, []string{"create"})
		},
		"a status to users": func(r right) bool {
			return r.forUsers() && slices.ContainsFunc(r.Resources, func(s string) bool { return strings.Contains(s, "/") })
		},
		"cluster-wide policies to whoever edits a namespace": func(r right) bool {
			return r.forUsers() && r.writes() && intersect(r.Resources, "clusterimagepolicies")
		},
		"specs to Assay": func(r right) bool {
			return !r.forUsers() && r.writes() && intersect(r.Resources, "trustedimages", "imagepolicies", "clusterimagepolicies")
		},
		"the webhook anything to write": func(r right) bool { return r.role == "assay-webhook" && r.writes() },
	}
	for _, o := range manifests.Only(render(t, "default"), "Role", "ClusterRole") {
		role := decode[rbacv1.ClusterRole](t, o)
		for _, rule := range role.Rules {
			for what, gives := range never {
				if gives(right{kind: o.GetKind(), role: role.Name, PolicyRule: rule}) {
					t.Errorf("%s %s gives %s: %v", o.GetKind(), role.Name, what, rule)
				}
			}
		}
	}
}

// TestSecretReaderIsBoundByNobody holds that Assay reads a namespace's Secrets only when the namespace lets it.
func TestSecretReaderIsBoundByNobody(t *testing.T) {
	for _, o := range manifests.Only(render(t, "default"), "RoleBinding", "ClusterRoleBinding") {
		if name, _, _ := unstructured.NestedString(o.Object, "roleRef", "name"); name == "assay-secret-reader" {
			t.Errorf("%s %s binds it", o.GetKind(), o.GetName())
		}
	}
	role := decode[rbacv1.ClusterRole](t, named(t, render(t, "default"), "ClusterRole", "assay-secret-reader"))
	if len(role.Labels) != 0 {
		t.Errorf("assay-secret-reader has labels %v and may be aggregated into other roles", role.Labels)
	}
}

// TestPodsAreRestricted holds what keeps a hostile image that takes over a process from taking more.
func TestPodsAreRestricted(t *testing.T) {
	for _, o := range manifests.Only(render(t, "default"), "Deployment") {
		deployment := decode[appsv1.Deployment](t, o)
		spec := deployment.Spec.Template.Spec
		pod := spec.SecurityContext
		if pod == nil || pod.RunAsNonRoot == nil || !*pod.RunAsNonRoot || pod.SeccompProfile == nil || pod.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s: want non-root and the runtime's seccomp profile", deployment.Name)
		}
		for _, c := range spec.Containers {
			s := c.SecurityContext
			if s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem || s.AllowPrivilegeEscalation == nil ||
				*s.AllowPrivilegeEscalation || s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) {
				t.Errorf("%s: container %s is not restricted", deployment.Name, c.Name)
			}
			if c.Resources.Limits.Memory().IsZero() || c.LivenessProbe == nil || c.ReadinessProbe == nil {
				t.Errorf("%s: container %s has no memory limit or a probe is missing", deployment.Name, c.Name)
			}
		}
	}
}

// TestPodsOfSystemPriorityHaveAQuota holds that Pods of a system priority start also where the API server lets them do so
// outside of kube-system only within a quota (--admission-control-config-file, ResourceQuota's limitedResources; as on GKE).
func TestPodsOfSystemPriorityHaveAQuota(t *testing.T) {
	objects := render(t, "default")
	for _, o := range manifests.Only(objects, "Deployment") {
		class := decode[appsv1.Deployment](t, o).Spec.Template.Spec.PriorityClassName
		if !strings.HasPrefix(class, "system-") {
			continue
		}
		if !slices.ContainsFunc(manifests.Only(objects, "ResourceQuota"), func(q *unstructured.Unstructured) bool {
			quota := decode[corev1.ResourceQuota](t, q)
			return quota.Namespace == o.GetNamespace() && quota.Spec.ScopeSelector != nil &&
				slices.ContainsFunc(quota.Spec.ScopeSelector.MatchExpressions, func(r corev1.ScopedResourceSelectorRequirement) bool {
					return r.ScopeName == corev1.ResourceQuotaScopePriorityClass && slices.Equal(r.Values, []string{class})
				})
		}) {
			t.Errorf("no ResourceQuota lets Pods of %s have the priority class %s", o.GetName(), class)
		}
	}
}

// TestOnlyDefaultPutsNamespacesUnderAdmission holds that whoever takes the parts has to say which namespaces are meant.
func TestOnlyDefaultPutsNamespacesUnderAdmission(t *testing.T) {
	for folder, want := range map[string]string{
		"webhook": "false",
		"default": "request.namespace.matches('^(dev|staging|prod)$')",
	} {
		webhooks, _, err := unstructured.NestedSlice(named(t, render(t, folder), "ValidatingWebhookConfiguration", "assay-webhook").Object, "webhooks")
		if err != nil || len(webhooks) != 1 {
			t.Fatalf("%d webhooks and %v, want one", len(webhooks), err)
		}
		conditions, _, err := unstructured.NestedSlice(webhooks[0].(map[string]any), "matchConditions")
		if err != nil || len(conditions) != 1 || conditions[0].(map[string]any)["expression"] != want {
			t.Errorf("config/%s: match conditions %v and %v, want the one expression %s", folder, conditions, err, want)
		}
	}
}

func TestEveryFolderRenders(t *testing.T) {
	for _, folder := range []string{"crd", "guard", "manager", "rbac", "webhook", "default", "samples"} {
		if len(render(t, folder)) == 0 {
			t.Errorf("config/%s is empty", folder)
		}
	}
	if _, err := manifests.Render("nothing"); err == nil {
		t.Error("a folder that does not exist renders")
	}
}

func render(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	objects, err := manifests.Render(folder)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func named(t *testing.T, objects []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	t.Helper()
	for _, o := range manifests.Only(objects, kind) {
		if o.GetName() == name {
			return o
		}
	}
	t.Fatalf("no %s %s", kind, name)
	return nil
}

// decode decodes strictly: a field that the type does not have is an error.
func decode[T any](t *testing.T, o *unstructured.Unstructured) *T {
	t.Helper()
	into := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, into, true); err != nil {
		t.Fatalf("%s %s: %v", o.GetKind(), o.GetName(), err)
	}
	return into
}

func intersect(list []string, others ...string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return slices.Contains(others, s) })
}
