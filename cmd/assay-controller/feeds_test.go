// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/assay-dev/assay/internal/policy/keys/cluster"
	"github.com/assay-dev/assay/internal/vulnerability/feed"
)

func TestFeedsAreReadFromConfigMapsInAssaysNamespace(t *testing.T) {
	cluster := cluster.ConfigMaps{Reader: fake.NewClientBuilder().WithObjects(
		&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: "assay-system", Name: "feeds"},
			Data:       map[string]string{"kev.json": "{}"},
			BinaryData: map[string][]byte{"epss.csv.gz": {0x1f, 0x8b}},
		},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "theirs"}, Data: map[string]string{"kev.json": "{}"}},
	).Build()}
	configMaps := feedConfigMaps{configMaps: cluster, namespace: "assay-system"}
	for name, test := range map[string]struct {
		name, key, want string
		err             error
	}{
		"text":                              {"feeds", "kev.json", "{}", nil},
		"bytes":                             {"feeds", "epss.csv.gz", "\x1f\x8b", nil},
		"a key that is not there":           {"feeds", "epss.csv", "", feed.ErrKeyNotFound},
		"a ConfigMap of somebody else's":    {"theirs", "kev.json", "", feed.ErrConfigMapNotFound},
		"a ConfigMap that is not there yet": {"ours", "kev.json", "", feed.ErrConfigMapNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			content, err := configMaps.Read(t.Context(), test.name, test.key)
			if string(content) != test.want || !errors.Is(err, test.err) {
				t.Errorf("read %q, %v", content, err)
			}
		})
	}
}
