// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// TestColumns asks the API server for what kubectl get prints.
func TestColumns(t *testing.T) {
	c := newCluster(t)
	cases := map[string]struct {
		columns, wide []string
		cells         []any
	}{
		"TrustedImage by tag": {
			columns: []string{"Name", "Image", "Digest", "Verdict", "Critical", "High", "KEV", "Signed", "Reason", "Age"},
			cells:   []any{"full-tag", "a:1", "aaaaaaaaaaaa", "Trusted", 0.0, 2.0, 0.0, "ci", "PolicyPassed"},
			wide:    []string{"SBOM", "Candidate", "Policies"},
		},
		"ImagePolicy": {
			columns: []string{"Name", "Mode", "Ready", "Reason", "Age"},
			cells:   []any{"full", "Enforce", "True", "Succeeded"},
		},
		"ClusterImagePolicy": {
			columns: []string{"Name", "Namespaces", "Mode", "Ready", "Reason", "Age"},
			cells:   []any{c.namespace, `["nowhere"]`, "Enforce", "True", "Succeeded"},
		},
	}
	all := samples(c.namespace)
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			object := all[name]
			status := object.DeepCopyObject().(client.Object)
			if err := c.client.Create(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.client.Delete(t.Context(), object) }()
			status.SetResourceVersion(object.GetResourceVersion())
			if err := c.client.Status().Update(t.Context(), status); err != nil {
				t.Fatal(err)
			}
			table := tableOf(t, c, object)
			var columns, wide []string
			var cells []any
			for i, column := range table.ColumnDefinitions {
				if column.Priority > 0 {
					wide = append(wide, column.Name)
					continue
				}
				columns = append(columns, column.Name)
				if column.Name != "Age" {
					cells = append(cells, table.Rows[0].Cells[i])
				}
			}
			for what, diff := range map[string]string{
				"columns": cmp.Diff(want.columns, columns), "columns of -o wide": cmp.Diff(want.wide, wide), "cells": cmp.Diff(want.cells, cells),
			} {
				if diff != "" {
					t.Errorf("%s: want -, got +:\n%s", what, diff)
				}
			}
		})
	}
}

// tableOf returns what kubectl get prints of one object.
func tableOf(t *testing.T, c cluster, object client.Object) metav1.Table {
	t.Helper()
	api := newRawClient(t, c.config, object)
	answer, err := api.rest.Get().AbsPath(api.path).SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").Do(t.Context()).Raw()
	if err != nil {
		t.Fatal(err)
	}
	var table metav1.Table
	if err := json.Unmarshal(answer, &table); err != nil {
		t.Fatal(err)
	}
	if len(table.Rows) != 1 {
		t.Fatalf("%d rows, want 1: %s", len(table.Rows), answer)
	}
	return table
}

func TestNames(t *testing.T) {
	c := newCluster(t)
	api := newRawClient(t, c.config, &v1alpha1.ImagePolicy{})
	answer, err := api.rest.Get().AbsPath(fmt.Sprintf("/apis/%s", v1alpha1.GroupVersion)).Do(t.Context()).Raw()
	if err != nil {
		t.Fatal(err)
	}
	var list metav1.APIResourceList
	if err := json.Unmarshal(answer, &list); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, r := range list.APIResources {
		if len(r.ShortNames) > 0 {
			got[r.Name] = append(r.ShortNames, r.Categories...)
		}
	}
	want := map[string][]string{"trustedimages": {"ti", "assay"}, "imagepolicies": {"ipol", "assay"}, "clusterimagepolicies": {"cipol", "assay"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("short names and categories: want -, got +:\n%s", diff)
	}
}
