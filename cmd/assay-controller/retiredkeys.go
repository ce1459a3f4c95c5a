// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/trust"
)

// maxRetired bounds the keys that are still believed while what they signed is signed anew. Who rotates oftener than statuses are
// written loses the oldest.
const maxRetired = 4

// publish writes the public half to the ConfigMap. The one that stood there before, if it is another, is retired: it stays published beside
// the present one, so that what it signed is admitted until it is signed anew.
func publish(ctx context.Context, api client.Client, namespace string, current signature.Key) (retired []signature.Key, err error) {
	name := client.ObjectKey{Namespace: namespace, Name: sealPublicKeyName}
	var published corev1.ConfigMap
	err = api.Get(ctx, name, &published)
	isNew := apierrors.IsNotFound(err)
	if err != nil && !isNew {
		return nil, fmt.Errorf("read ConfigMap %s: %w", name, err)
	}
	if retired, err = replaced(published.Data, current); err != nil {
		return nil, fmt.Errorf("the keys in ConfigMap %s: %w: mend it, or delete what nobody needs of it", name, err)
	}
	data, err := publicData(current, retired)
	if err != nil {
		return nil, err
	}
	switch {
	case isNew:
		published = corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: sealPublicKeyName}, Data: data}
		err = api.Create(ctx, &published)
	case !maps.Equal(published.Data, data):
		published.Data = data
		err = api.Update(ctx, &published)
	}
	if err != nil {
		return nil, fmt.Errorf("publish the seal key in ConfigMap %s: %w", name, err)
	}
	return retired, nil
}

// replaced are the keys that were published before the current one, the latest first.
func replaced(published map[string]string, current signature.Key) (retired []signature.Key, err error) {
	known := map[string]bool{current.Fingerprint: true}
	for _, member := range []string{publicKeyKey, retiredKey} {
		if strings.TrimSpace(published[member]) == "" {
			continue
		}
		parsed, err := trust.ParseKeys([]byte(published[member]))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", member, err)
		}
		for _, public := range parsed {
			key, err := signature.NewKey(public)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", member, err)
			}
			if !known[key.Fingerprint] {
				known[key.Fingerprint] = true
				retired = append(retired, key)
			}
		}
	}
	return retired[:min(len(retired), maxRetired)], nil
}

// publicData is what the ConfigMap holds. The current key stands by itself, as the cosign command wants it.
func publicData(current signature.Key, retired []signature.Key) (map[string]string, error) {
	data := map[string]string{}
	for i, key := range append([]signature.Key{current}, retired...) {
		encoded, err := cryptoutils.MarshalPublicKeyToPEM(key.Public)
		if err != nil {
			return nil, err
		}
		member := publicKeyKey
		if i > 0 {
			member = retiredKey
		}
		data[member] += string(encoded)
	}
	return data, nil
}
