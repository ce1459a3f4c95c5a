// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// TestEveryImageOfAPodIsKnown compares what is looked at with the Kubernetes API that is linked (SEC-41): a new field that
// names an image, and a new source of a volume's content, must be judged before they can be used to bring in an image.
func TestEveryImageOfAPodIsKnown(t *testing.T) {
	var images []string
	walk(reflect.TypeFor[corev1.PodSpec](), "spec", nil, func(path string) {
		name := strings.ToLower(path[strings.LastIndexByte(path, '.')+1:])
		if (strings.Contains(name, "image") || strings.Contains(name, "reference")) && !strings.HasSuffix(name, "policy") {
			images = append(images, path)
		}
	})
	slices.Sort(images)
	want := []string{
		"spec.containers.image",
		"spec.ephemeralContainers.image",
		"spec.initContainers.image",
		"spec.volumes.image.reference",
		"spec.volumes.rbd.image", // a block device of Ceph
	}
	if diff := cmp.Diff(want, images); diff != "" {
		t.Errorf("string fields of a PodSpec that name images: known -, in the API +:\n%s", diff)
	}

	var sources []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[corev1.VolumeSource]()) {
		sources = append(sources, strings.Split(f.Tag.Get("json"), ",")[0])
	}
	known := []string{
		"hostPath", "emptyDir", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "secret", "nfs", "iscsi", "glusterfs",
		"persistentVolumeClaim", "rbd", "flexVolume", "cinder", "cephfs", "flocker", "downwardAPI", "fc", "azureFile", "configMap",
		"vsphereVolume", "quobyte", "azureDisk", "photonPersistentDisk", "projected", "portworxVolume", "scaleIO", "storageos",
		"csi", "ephemeral", "image",
	}
	if diff := cmp.Diff(known, sources); diff != "" {
		t.Errorf("sources of volumes: known -, in the API +:\n%s", diff)
	}
}

// walk calls visit with the JSON path of every string below a type.
func walk(of reflect.Type, path string, above []reflect.Type, visit func(path string)) {
	switch of.Kind() {
	case reflect.String:
		visit(path)
	case reflect.Pointer, reflect.Slice, reflect.Map:
		walk(of.Elem(), path, above, visit)
	case reflect.Struct:
		if slices.Contains(above, of) {
			return
		}
		for _, f := range reflect.VisibleFields(of) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.IsExported() && !f.Anonymous && name != "-" {
				walk(f.Type, path+"."+name, append(above, of), visit)
			}
		}
	}
}
