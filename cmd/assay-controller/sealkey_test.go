// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign"
	"github.com/assay-dev/assay/internal/trust"
)

func TestALostSealKeyIsNotReplaced(t *testing.T) {
	api := fake.NewClientBuilder().Build()
	first, _, err := sealKey(t.Context(), api, "assay-system")
	if err != nil {
		t.Fatal(err)
	}
	again, retired, err := sealKey(t.Context(), api, "assay-system")
	if err != nil || again.Key().Fingerprint != first.Key().Fingerprint || len(retired) != 0 {
		t.Fatalf("the second start: %v", err)
	}
	lost := metav1.ObjectMeta{Namespace: "assay-system", Name: sealKeyName}
	if err := api.Delete(t.Context(), &corev1.Secret{ObjectMeta: lost}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := sealKey(t.Context(), api, "assay-system"); err == nil {
		t.Error("a new key was made, and with it all trust would count as forged")
	}
	published := metav1.ObjectMeta{Namespace: "assay-system", Name: sealPublicKeyName}
	if err := api.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: published}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := sealKey(t.Context(), api, "assay-system"); err != nil {
		t.Errorf("to begin anew: %v", err)
	}
}

// rotate puts another key pair into the Secret, as an administrator does.
func rotate(t *testing.T, api client.Client) {
	t.Helper()
	var secret corev1.Secret
	if err := api.Get(t.Context(), client.ObjectKey{Namespace: "assay-system", Name: sealKeyName}, &secret); err != nil {
		t.Fatal(err)
	}
	private, public, err := cosign.GenerateKeyPair([]byte("password"))
	if err != nil {
		t.Fatal(err)
	}
	secret.Data = map[string][]byte{privateKeyKey: private, passwordKey: []byte("password"), publicKeyKey: public}
	if err := api.Update(t.Context(), &secret); err != nil {
		t.Fatal(err)
	}
}

func publishedKeys(t *testing.T, api client.Client) *corev1.ConfigMap {
	t.Helper()
	var published corev1.ConfigMap
	if err := api.Get(t.Context(), client.ObjectKey{Namespace: "assay-system", Name: sealPublicKeyName}, &published); err != nil {
		t.Fatal(err)
	}
	return &published
}

func TestASealKeyThatIsReplacedIsRetired(t *testing.T) {
	api := fake.NewClientBuilder().Build()
	start := func() (*cosign.Signer, []signature.Key) {
		t.Helper()
		signer, retired, err := sealKey(t.Context(), api, "assay-system")
		if err != nil {
			t.Fatal(err)
		}
		return signer, retired
	}
	first, _ := start()
	var last *cosign.Signer
	for i := range maxRetired + 2 {
		rotate(t, api)
		var retired []signature.Key
		if last, retired = start(); len(retired) != min(i+1, maxRetired) {
			t.Fatalf("%d keys are retired by rotation %d", len(retired), i+1)
		}
		if _, again := start(); len(again) != len(retired) {
			t.Errorf("%d keys are retired after a restart, %d before", len(again), len(retired))
		}
		published := publishedKeys(t, api)
		current, err := trust.ParseKeys([]byte(published.Data[publicKeyKey]))
		if err != nil || len(current) != 1 || !current[0].Equal(last.Key().Public) {
			t.Errorf("%s has %d keys, %v, and must have the current one", publicKeyKey, len(current), err)
		}
		beside, err := trust.ParseKeys([]byte(published.Data[retiredKey]))
		if err != nil || len(beside) != len(retired) || !beside[0].Equal(retired[0].Public) {
			t.Errorf("%s has %d keys, %v, want %d, the latest first", retiredKey, len(beside), err, len(retired))
		}
		if oldest := retired[len(retired)-1].Fingerprint == first.Key().Fingerprint; oldest != (i < maxRetired) {
			t.Errorf("after rotation %d it is %t that the first key is retired", i+1, oldest)
		}
	}
	// A key that was disclosed is dropped by deleting it.
	published := publishedKeys(t, api)
	delete(published.Data, retiredKey)
	if err := api.Update(t.Context(), published); err != nil {
		t.Fatal(err)
	}
	if signer, retired := start(); len(retired) != 0 || signer.Key().Fingerprint != last.Key().Fingerprint {
		t.Errorf("%d keys are retired after they were deleted", len(retired))
	}
	published = publishedKeys(t, api)
	published.Data[retiredKey] = "damaged"
	if err := api.Update(t.Context(), published); err != nil {
		t.Fatal(err)
	}
	if _, _, err := sealKey(t.Context(), api, "assay-system"); err == nil || !strings.Contains(err.Error(), retiredKey) {
		t.Errorf("damaged keys: %v", err)
	}
}
