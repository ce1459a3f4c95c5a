// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/test/controlplane"
)

func TestServiceAccountsHaveTheirOwnRightsOnly(t *testing.T) {
	c := controlplane.ForTest(t)
	admin := newClient(t, c.Config())
	namespace := newNamespace(t, admin)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "reader"}}
	if err := admin.Create(t.Context(), account); err != nil {
		t.Fatal(err)
	}

	config, err := c.ServiceAccountConfig(t.Context(), namespace, "reader")
	if err != nil {
		t.Fatal(err)
	}
	reader := newClient(t, throughKubeconfig(t, config))
	review := &authenticationv1.SelfSubjectReview{}
	if err := reader.Create(t.Context(), review); err != nil {
		t.Fatal(err)
	}
	if got, want := review.Status.UserInfo.Username, "system:serviceaccount:"+namespace+":reader"; got != want {
		t.Errorf("the API server knows the service account as %q, want %q", got, want)
	}
	if err := reader.List(t.Context(), &corev1.SecretList{}); !apierrors.IsForbidden(err) {
		t.Errorf("list of all Secrets without any role: got %v, want Forbidden", err)
	}
}

func TestServiceAccountThatDoesNotExist(t *testing.T) {
	c := controlplane.ForTest(t)
	_, err := c.ServiceAccountConfig(t.Context(), "default", "nobody")
	if !apierrors.IsNotFound(err) || !strings.Contains(err.Error(), "default/nobody") {
		t.Errorf("got %v, want NotFound that names the service account", err)
	}
}

// The demo's control plane: detached, with everything that runs a Pod but a kubelet.
func TestADetachedControlPlaneSchedulesAndIsStoppedByItsFolder(t *testing.T) {
	dir := t.TempDir()
	c, err := controlplane.Start(t.Context(), controlplane.Options{
		Dir: dir, Controllers: []string{"*"}, Scheduler: true, Detached: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop(context.WithoutCancel(t.Context())) })
	ids := recordedIDs(t, dir)
	if len(ids) != 4 {
		t.Errorf("%d processes are recorded, want 4", len(ids))
	}
	assertScheduled(t, newClient(t, c.Config()))

	if err := controlplane.StopDetached(t.Context(), dir); err != nil {
		t.Error(err)
	}
	for _, id := range ids {
		if stat, err := os.ReadFile(filepath.Join("/proc", id, "stat")); err == nil && !strings.Contains(string(stat), ") Z ") {
			t.Errorf("process %s is left", id)
		}
	}
}

func TestMissingProgramsAreExplained(t *testing.T) {
	t.Setenv(controlplane.BinariesEnv, t.TempDir())
	_, err := controlplane.Start(t.Context(), controlplane.Options{Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "make control-plane") {
		t.Errorf("got %v, want an error that tells what to run", err)
	}
}

func newClient(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newNamespace(t *testing.T, c client.Client) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "controlplane-"}}
	if err := c.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	return namespace.Name
}

// throughKubeconfig writes the configuration to a file and reads it back.
func throughKubeconfig(t *testing.T, config *rest.Config) *rest.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := controlplane.WriteKubeconfig(path, config); err != nil {
		t.Fatal(err)
	}
	read, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// assertScheduled creates a node and a Pod and waits until the Pod is assigned
// to the node. The Pod's service account is the controller manager's work.
func assertScheduled(t *testing.T, c client.Client) {
	t.Helper()
	namespace := newNamespace(t, c)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node"}}
	if err := c.Create(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	node.Status.Allocatable = corev1.ResourceList{corev1.ResourcePods: resource.MustParse("10")}
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	if err := c.Status().Update(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "pod"},
		Spec: corev1.PodSpec{
			Containers:  []corev1.Container{{Name: "main", Image: "registry.example.com/main:1"}},
			Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
		},
	}
	eventually(t, "the service account of the namespace", func() error { return c.Create(t.Context(), pod) })
	eventually(t, "the scheduler", func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(pod), pod); err != nil {
			return err
		}
		if pod.Spec.NodeName == "" {
			return fmt.Errorf("the Pod has no node: %v", pod.Status.Conditions)
		}
		return nil
	})
}

func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		last = check()
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("waited too long for %s: %v", what, last)
	}
}

func recordedIDs(t *testing.T, dir string) []string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "processes.json"))
	if err != nil {
		t.Fatal(err)
	}
	var records []struct{ ID json.Number }
	if err := json.Unmarshal(content, &records); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range records {
		ids = append(ids, r.ID.String())
	}
	return ids
}
