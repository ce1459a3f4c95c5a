// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func TestALostSealKeyIsNotReplaced(t *testing.T) {
	api := fake.NewClientBuilder().Build()
	first, err := sealKey(t.Context(), api, "assay-system")
	if err != nil {
		t.Fatal(err)
	}
	again, err := sealKey(t.Context(), api, "assay-system")
	if err != nil || again.Key().Fingerprint != first.Key().Fingerprint {
		t.Fatalf("the second start: %v", err)
	}
	lost := metav1.ObjectMeta{Namespace: "assay-system", Name: sealKeyName}
	if err := api.Delete(t.Context(), &corev1.Secret{ObjectMeta: lost}); err != nil {
		t.Fatal(err)
	}
	if _, err := sealKey(t.Context(), api, "assay-system"); err == nil {
		t.Error("a new key was made, and with it all trust would count as forged")
	}
	published := metav1.ObjectMeta{Namespace: "assay-system", Name: sealPublicKeyName}
	if err := api.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: published}); err != nil {
		t.Fatal(err)
	}
	if _, err := sealKey(t.Context(), api, "assay-system"); err != nil {
		t.Errorf("to begin anew: %v", err)
	}
}
