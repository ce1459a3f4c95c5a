// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/assay-dev/assay/test/manifests"
)

// TestTheProgramFitsHowItIsShipped holds the Deployment against the flags and the folders of the program.
func TestTheProgramFitsHowItIsShipped(t *testing.T) {
	container := shipped(t)
	o, err := parseOptions(container.Args)
	if err != nil {
		t.Fatal(err)
	}
	if o.kev == "" {
		t.Error("no catalogue of known exploited vulnerabilities: rules on them would be Unknown for ever")
	}
	for _, folder := range []string{o.dataDir, filepath.Join(o.dataDir, "scratch")} {
		if !slices.ContainsFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == folder }) {
			t.Errorf("%s is written to, and no volume is mounted there", folder)
		}
	}
	if len(container.VolumeMounts) != 2 {
		t.Errorf("mounts %v, of which some are not used", container.VolumeMounts)
	}
}

func shipped(t *testing.T) corev1.Container {
	t.Helper()
	objects, err := manifests.Render("manager")
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range manifests.Only(objects, "Deployment") {
		if object.GetName() != "assay-controller" {
			continue
		}
		var deployment appsv1.Deployment
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &deployment); err != nil {
			t.Fatal(err)
		}
		return deployment.Spec.Template.Spec.Containers[0]
	}
	t.Fatal("there is no Deployment assay-controller")
	return corev1.Container{}
}
