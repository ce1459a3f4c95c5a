// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fieldOwner of what is applied, as kubectl apply --server-side names it.
const fieldOwner = client.FieldOwner("kubectl")

// serving bounds the wait for an API server to serve a new kind.
const serving = time.Minute

// Apply applies the objects by server-side apply, in their order, each kind among them as soon as it is defined.
// It may be repeated.
func Apply(ctx context.Context, c client.Client, objects []*unstructured.Unstructured) error {
	for _, o := range objects {
		applied := client.ApplyConfigurationFromUnstructured(o.DeepCopy())
		if err := c.Apply(ctx, applied, fieldOwner, client.ForceOwnership); err != nil {
			return fmt.Errorf("apply %s %s: %w", o.GetKind(), client.ObjectKeyFromObject(o), err)
		}
		if o.GetKind() != "CustomResourceDefinition" {
			continue
		}
		if err := waitUntilServed(ctx, c, o); err != nil {
			return err
		}
	}
	return nil
}

// waitUntilServed waits until the API server serves the kind that a definition defines.
func waitUntilServed(ctx context.Context, c client.Client, definition *unstructured.Unstructured) error {
	var crd apiextensionsv1.CustomResourceDefinition
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(definition.Object, &crd); err != nil {
		return err
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{
		Group: crd.Spec.Group, Version: crd.Spec.Versions[0].Name, Kind: crd.Spec.Names.ListKind,
	})
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, serving, true, func(ctx context.Context) (bool, error) {
		err := c.List(ctx, list, client.Limit(1))
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("%s is not served: %w", crd.Name, err)
	}
	return nil
}

// PointWebhookAt returns the objects with the webhook configurations calling a URL, such as https://127.0.0.1:9443/validate-pods,
// instead of a Service. The authority is the PEM form of the certificate authority of who answers there; without one
// it is left to assay-controller to write it.
func PointWebhookAt(objects []*unstructured.Unstructured, url string, authority []byte) ([]*unstructured.Unstructured, error) {
	pointed := make([]*unstructured.Unstructured, len(objects))
	for i, o := range objects {
		pointed[i] = o.DeepCopy()
		if o.GetKind() != "ValidatingWebhookConfiguration" {
			continue
		}
		webhooks, _, err := unstructured.NestedSlice(pointed[i].Object, "webhooks")
		if err != nil {
			return nil, err
		}
		for _, w := range webhooks {
			config := map[string]any{"url": url}
			if len(authority) > 0 {
				config["caBundle"] = base64.StdEncoding.EncodeToString(authority)
			}
			if err := unstructured.SetNestedMap(w.(map[string]any), config, "clientConfig"); err != nil {
				return nil, err
			}
		}
		if err := unstructured.SetNestedSlice(pointed[i].Object, webhooks, "webhooks"); err != nil {
			return nil, err
		}
	}
	return pointed, nil
}
