// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/assay-dev/assay/controllers/trustedimage"
	"github.com/assay-dev/assay/internal/policy/keys/cluster"
	"github.com/assay-dev/assay/internal/roster"
	"github.com/assay-dev/assay/internal/vulnerability/feed"
)

func TestFeedsAreReadFromConfigMapsInAssaysNamespace(t *testing.T) {
	texts := cluster.Texts{Reader: fake.NewClientBuilder().WithObjects(
		&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: "assay-system", Name: "feeds"},
			Data:       map[string]string{"kev.json": "{}"},
			BinaryData: map[string][]byte{"epss.csv.gz": {0x1f, 0x8b}},
		},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "theirs"}, Data: map[string]string{"kev.json": "{}"}},
	).Build()}
	configMaps := feedConfigMaps{texts: texts, namespace: "assay-system"}
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

func TestAJavaDatabaseWakesImagesWithJars(t *testing.T) {
	for name, test := range map[string]struct {
		change feed.Change
		woken  int
	}{
		"one that is new":           {feed.Everything(), 1},
		"one that could not be had": {feed.Change{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			known, notifications, told := roster.New(), make(trustedimage.Notifications, 8), 0
			known.NoteJars(types.NamespacedName{Namespace: "dev", Name: "java"}, true)
			known.NoteJars(types.NamespacedName{Namespace: "dev", Name: "go"}, false)
			waker := &trustedimage.Waker{Roster: known, Notifications: notifications}
			changed(waker, func(context.Context) { told++ })(t.Context(), javaDatabase, test.change)
			if len(notifications) != test.woken || told != 1 {
				t.Errorf("%d images were woken, and policies told %d times", len(notifications), told)
			}
		})
	}
}
