// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package certificate

import (
	"bytes"
	"context"
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Publish tells whoever calls a server which authorities, in PEM form and newest first, to believe. It writes nothing when
// they know.
type Publish func(ctx context.Context, authorities []byte) error

// ToWebhook tells the API server, by the ValidatingWebhookConfiguration of the name.
func ToWebhook(api client.Client, name string) Publish {
	return func(ctx context.Context, authorities []byte) error {
		var configuration admissionv1.ValidatingWebhookConfiguration
		if err := api.Get(ctx, types.NamespacedName{Name: name}, &configuration); err != nil {
			return fmt.Errorf("read ValidatingWebhookConfiguration %s: %w", name, err)
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
		if err := api.Update(ctx, &configuration); err != nil {
			return fmt.Errorf("write ValidatingWebhookConfiguration %s: %w", name, err)
		}
		return nil
	}
}

// ToConfigMap tells who reads the ConfigMap, under the key ca.crt. Other keys are left to whoever wrote them.
func ToConfigMap(api client.Client, name types.NamespacedName) Publish {
	return func(ctx context.Context, authorities []byte) error {
		var published corev1.ConfigMap
		err := api.Get(ctx, name, &published)
		missing := apierrors.IsNotFound(err)
		switch {
		case err != nil && !missing:
			return fmt.Errorf("read ConfigMap %s: %w", name, err)
		case published.Data[authorityKey] == string(authorities):
			return nil
		}
		if published.Data == nil {
			published.Data = map[string]string{}
		}
		published.Data[authorityKey] = string(authorities)
		if missing {
			published.Namespace, published.Name = name.Namespace, name.Name
			err = api.Create(ctx, &published)
		} else {
			err = api.Update(ctx, &published)
		}
		if err != nil {
			return fmt.Errorf("write ConfigMap %s: %w", name, err)
		}
		return nil
	}
}
