// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/reconcile"
	"github.com/assay-dev/assay/internal/registry"
)

// secretRetry is how soon a Secret that was missing is looked for again. Secrets are not watched: Assay may not list them.
const secretRetry = 30 * time.Second

// certificateAuthorityKey is the key of a certSecretRef's Secret that holds the registry's certificate authority.
const certificateAuthorityKey = "ca.crt"

// credentialsFor reads the Secrets that the object names, in its own namespace.
func (r *Reconciler) credentialsFor(ctx context.Context, object *v1alpha1.TrustedImage) (registry.Credentials, error) {
	var credentials registry.Credentials
	for _, reference := range object.Spec.ImagePullSecrets {
		secret, err := r.secret(ctx, object.Namespace, reference)
		if err != nil {
			return credentials, err
		}
		config, found := secret.Data[corev1.DockerConfigJsonKey]
		if secret.Type != corev1.SecretTypeDockerConfigJson || !found {
			return credentials, &reconcile.Waiting{
				Reason:  v1alpha1.ReasonInvalidSecret,
				Message: fmt.Sprintf("Secret %s is no pull secret; create it with kubectl create secret docker-registry", reference.Name),
				After:   secretRetry,
			}
		}
		credentials.DockerConfigs = append(credentials.DockerConfigs, config)
	}
	source := object.Spec.Source.Registry
	if source == nil || source.CertSecretRef == nil {
		return credentials, nil
	}
	secret, err := r.secret(ctx, object.Namespace, *source.CertSecretRef)
	if err != nil {
		return credentials, err
	}
	if credentials.CertificateAuthorities = secret.Data[certificateAuthorityKey]; len(credentials.CertificateAuthorities) == 0 {
		return credentials, &reconcile.Waiting{
			Reason:  v1alpha1.ReasonInvalidSecret,
			Message: fmt.Sprintf("Secret %s has no key %s; put the registry's certificate authority there in PEM form", source.CertSecretRef.Name, certificateAuthorityKey),
			After:   secretRetry,
		}
	}
	return credentials, nil
}

func (r *Reconciler) secret(ctx context.Context, namespace string, reference v1alpha1.LocalObjectReference) (*corev1.Secret, error) {
	var secret corev1.Secret
	err := r.Secrets.Get(ctx, types.NamespacedName{Namespace: namespace, Name: string(reference.Name)}, &secret)
	switch {
	case apierrors.IsNotFound(err):
		return nil, &reconcile.Waiting{
			Reason:  v1alpha1.ReasonSecretNotFound,
			Message: fmt.Sprintf("Secret %s does not exist in namespace %s; create it, or remove it from the spec", reference.Name, namespace),
			After:   secretRetry,
		}
	case apierrors.IsForbidden(err):
		return nil, &reconcile.Waiting{
			Reason: v1alpha1.ReasonSecretForbidden,
			Message: fmt.Sprintf("Assay may not read Secrets in namespace %[1]s; allow it with: kubectl create rolebinding assay-secret-reader "+
				"--namespace=%[1]s --clusterrole=assay-secret-reader --serviceaccount=assay-system:assay-controller", namespace),
			After: secretRetry,
		}
	case err != nil:
		return nil, fmt.Errorf("read Secret %s: %w", reference.Name, err)
	}
	return &secret, nil
}

// identify names credentials in keys of the work pool without giving them away.
func identify(credentials registry.Credentials) string {
	hash := sha256.New()
	for _, config := range append(credentials.DockerConfigs, credentials.CertificateAuthorities) {
		hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(config))))
		hash.Write(config)
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}
