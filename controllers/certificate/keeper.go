// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package certificate

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// checkEvery is how often the two objects are looked at, retryAfter how soon after a failure.
const (
	checkEvery = 2 * time.Minute
	retryAfter = 5 * time.Second
)

// maxAuthorities is how many authorities the API server believes: the new one, and the one before while the webhook still
// serves the certificate that it signed.
const maxAuthorities = 2

// Keeper keeps the certificate.
type Keeper struct {
	// Client reads uncached and writes.
	Client client.Client
	// Secret holds the certificate for the webhook.
	Secret types.NamespacedName
	// Configuration is the name of the ValidatingWebhookConfiguration whose webhooks the API server verifies by it.
	Configuration string
	// Names that the certificate is for: DNS names or addresses.
	Names []string
	Clock clock.Clock
}

// Start keeps the certificate until ctx is done. It makes Keeper a manager.Runnable of the leader.
func (k *Keeper) Start(ctx context.Context) error {
	log := ctrl.LoggerFrom(ctx).WithName("certificate")
	for {
		wait := checkEvery
		if err := k.Ensure(ctx); err != nil {
			log.Error(err, "Keep the webhook's certificate; admission in covered namespaces fails until this succeeds")
			wait = retryAfter
		}
		timer := k.Clock.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C():
		}
	}
}

// Ensure makes or renews the certificate when it must, and sees to it that the API server believes it.
func (k *Keeper) Ensure(ctx context.Context) error {
	var secret corev1.Secret
	err := k.Client.Get(ctx, k.Secret, &secret)
	missing := apierrors.IsNotFound(err)
	if err != nil && !missing {
		return fmt.Errorf("read Secret %s: %w", k.Secret, err)
	}
	if usable(&secret, k.Names, k.Clock.Now()) == nil {
		return k.inject(ctx, secret.Data[authorityKey])
	}
	made, err := issue(k.Names, k.Clock.Now())
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	authorities := newest(append(made.authority, secret.Data[authorityKey]...))
	// The API server believes the new authority before the webhook serves its certificate.
	if err := k.inject(ctx, authorities); err != nil {
		return err
	}
	secret.Type = corev1.SecretTypeTLS
	secret.Data = map[string][]byte{corev1.TLSCertKey: made.certificate, corev1.TLSPrivateKeyKey: made.key, authorityKey: authorities}
	if missing {
		secret.Namespace, secret.Name = k.Secret.Namespace, k.Secret.Name
		err = k.Client.Create(ctx, &secret)
	} else {
		err = k.Client.Update(ctx, &secret)
	}
	if err != nil {
		return fmt.Errorf("write Secret %s: %w", k.Secret, err)
	}
	return nil
}

// inject writes the authorities to the webhook's configuration when it has others.
func (k *Keeper) inject(ctx context.Context, authorities []byte) error {
	var configuration admissionv1.ValidatingWebhookConfiguration
	if err := k.Client.Get(ctx, types.NamespacedName{Name: k.Configuration}, &configuration); err != nil {
		return fmt.Errorf("read ValidatingWebhookConfiguration %s: %w", k.Configuration, err)
	}
	changed := false
	for i := range configuration.Webhooks {
		bundle := &configuration.Webhooks[i].ClientConfig.CABundle
		changed = changed || !bytes.Equal(*bundle, authorities)
		*bundle = authorities
	}
	if !changed {
		return nil
	}
	if err := k.Client.Update(ctx, &configuration); err != nil {
		return fmt.Errorf("write ValidatingWebhookConfiguration %s: %w", k.Configuration, err)
	}
	return nil
}

// newest cuts a PEM bundle, newest first, to the authorities that are believed.
func newest(bundle []byte) []byte {
	var kept []byte
	for range maxAuthorities {
		block, rest := pem.Decode(bundle)
		if block == nil {
			break
		}
		kept = append(kept, pem.EncodeToMemory(block)...)
		bundle = rest
	}
	return kept
}
