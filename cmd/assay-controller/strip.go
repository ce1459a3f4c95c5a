// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// slimmed returns a transform that takes out of objects what nobody reads before they are cached: who wrote which field, and what
// kubectl applied last. That is half of a TrustedImage, of which there may be thousands. No write sends it back. What their statuses
// say alike they share.
func slimmed() toolscache.TransformFunc {
	var shared words
	return func(cached any) (any, error) {
		object, err := meta.Accessor(cached)
		if err != nil {
			return cached, nil //nolint:nilerr // The end of a watch, which is no object, comes by here as well.
		}
		object.SetManagedFields(nil)
		if annotations := object.GetAnnotations(); annotations[corev1.LastAppliedConfigAnnotation] != "" {
			annotations = maps.Clone(annotations)
			delete(annotations, corev1.LastAppliedConfigAnnotation)
			object.SetAnnotations(annotations)
		}
		if image, is := cached.(*v1alpha1.TrustedImage); is {
			shared.share(&image.Status)
		}
		return cached, nil
	}
}
