// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

// SharedEnv names the administrator's kubeconfig of a running control plane
// that tests share. The program with-control-plane sets it for the command
// that it runs.
const SharedEnv = "ASSAY_TEST_KUBECONFIG"

// SharedControllers are the controllers that run beside tests: those without
// which a namespace is neither fit for Pods nor ever gone. No others, so that
// nothing but the test changes the objects of the test.
func SharedControllers() []string {
	return []string{"serviceaccount-controller", "root-ca-certificate-publisher-controller", "namespace-controller"}
}

// ForTest returns the control plane that the run of tests shares, or starts one
// for this test alone. A test keeps to namespaces of its own; what it changes
// outside them it must be the only one to change.
func ForTest(t *testing.T) *ControlPlane {
	t.Helper()
	if kubeconfig := os.Getenv(SharedEnv); kubeconfig != "" {
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			t.Fatalf("%s: %v", SharedEnv, err)
		}
		return &ControlPlane{config: config, dir: filepath.Dir(kubeconfig)}
	}
	c, err := Start(t.Context(), Options{Dir: t.TempDir(), Controllers: SharedControllers()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stopping, cancel := context.WithTimeout(context.Background(), time.Minute) // t.Context is done by now
		defer cancel()
		if err := c.Stop(stopping); err != nil {
			t.Error(err)
		}
	})
	return c
}
