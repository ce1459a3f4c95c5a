// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign"
)

// The objects in Assay's namespace that hold the seal key: as `cosign generate-key-pair k8s://…` writes it, and its public
// half for the webhook and for everybody who verifies seals.
const (
	sealKeyName       = "assay-seal-key"
	sealPublicKeyName = "assay-seal-public-key"

	privateKeyKey = "cosign.key"
	passwordKey   = "cosign.password"
	publicKeyKey  = "cosign.pub"
	retiredKey    = "retired.pub"
)

// sealKey returns the signer with the seal key, which it makes when nobody gave one, and publishes the public half. retired are the keys that it
// replaces, which are published beside it.
func sealKey(ctx context.Context, api client.Client, namespace string) (signer *cosign.Signer, retired []signature.Key, err error) {
	secret, err := readOrMakeSealKey(ctx, api, namespace)
	if err != nil {
		return nil, nil, err
	}
	signer, err = cosign.LoadSigner(secret.Data[privateKeyKey], secret.Data[passwordKey])
	if err != nil {
		return nil, nil, fmt.Errorf("the seal key in Secret %s/%s: %w", namespace, sealKeyName, err)
	}
	retired, err = publish(ctx, api, namespace, signer.Key())
	return signer, retired, err
}

func readOrMakeSealKey(ctx context.Context, api client.Client, namespace string) (*corev1.Secret, error) {
	name := client.ObjectKey{Namespace: namespace, Name: sealKeyName}
	var secret corev1.Secret
	err := api.Get(ctx, name, &secret)
	if !apierrors.IsNotFound(err) {
		return &secret, err
	}
	if err := neverSealed(ctx, api, namespace); err != nil {
		return nil, err
	}
	password := make([]byte, 32)
	_, _ = rand.Read(password) // crypto/rand does not fail.
	password = []byte(hex.EncodeToString(password))
	private, public, err := cosign.GenerateKeyPair(password)
	if err != nil {
		return nil, fmt.Errorf("make the seal key: %w", err)
	}
	secret = corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: sealKeyName},
		Data:       map[string][]byte{privateKeyKey: private, passwordKey: password, publicKeyKey: public},
	}
	if err := api.Create(ctx, &secret); err != nil {
		return nil, fmt.Errorf("create Secret %s: %w", name, err)
	}
	return &secret, nil
}

// neverSealed says that no seal key was published before. With a new key everything that is trusted would count as forged, so
// that a Secret which was lost must not end all trust.
func neverSealed(ctx context.Context, api client.Client, namespace string) error {
	var published corev1.ConfigMap
	err := api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: sealPublicKeyName}, &published)
	switch {
	case apierrors.IsNotFound(err) || err == nil && published.Data[publicKeyKey] == "":
		return nil
	case err != nil:
		return fmt.Errorf("read ConfigMap %s/%s: %w", namespace, sealPublicKeyName, err)
	}
	return fmt.Errorf("the seal key is gone from Secret %[1]s/%[2]s, and ConfigMap %[1]s/%[3]s still has its public half: restore the Secret, "+
		"or delete the ConfigMap as well to have a new key made and every image judged anew", namespace, sealKeyName, sealPublicKeyName)
}
