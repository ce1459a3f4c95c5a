// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sigstore

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/test/controlplane"
)

// ForTest starts all services with the programs in the folder, and ends them with the test.
func ForTest(t *testing.T, cluster *controlplane.ControlPlane, binaries string) *Sigstore {
	t.Helper()
	services, err := Start(t.Context(), Options{Binaries: binaries, Dir: t.TempDir(), Cluster: cluster})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stopping, cancel := context.WithTimeout(context.Background(), time.Minute) // t.Context is done by now
		defer cancel()
		if err := services.Stop(stopping); err != nil {
			t.Error(err)
		}
	})
	return services
}

// TokenFile makes a service account and returns a file with a token of it that is meant for Fulcio.
func TokenFile(t *testing.T, cluster *controlplane.ControlPlane, namespace, account string) string {
	t.Helper()
	admin, err := client.New(cluster.Config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account, Namespace: namespace}},
	} {
		if err := admin.Create(t.Context(), object); client.IgnoreAlreadyExists(err) != nil {
			t.Fatal(err)
		}
	}
	token, err := cluster.Token(t.Context(), namespace, account, Audience)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Subject is how Fulcio names a service account.
func Subject(namespace, account string) string {
	return "https://kubernetes.io/namespaces/" + namespace + "/serviceaccounts/" + account
}
