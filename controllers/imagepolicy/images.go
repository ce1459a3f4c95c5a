// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package imagepolicy

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
)

// unused returns the exceptions of a policy that excused nothing in any image that it speaks of. settled is false while some of
// those were not judged under the policy as it is now: an exception may be needed by them.
func (r *Reconciler[P]) unused(ctx context.Context, p policy.Policy) (unused []v1alpha1.ExceptionReference, settled bool, err error) {
	if p.Spec.Vulnerabilities == nil || len(p.Spec.Vulnerabilities.Exceptions) == 0 {
		return nil, true, nil
	}
	var images v1alpha1.TrustedImageList
	options := []client.ListOption{client.UnsafeDisableDeepCopy}
	if p.Namespace != "" {
		options = append(options, client.InNamespace(p.Namespace))
	}
	if err := r.Client.List(ctx, &images, options...); err != nil {
		return nil, false, fmt.Errorf("list the images that the policy speaks of: %w", err)
	}
	var used []v1alpha1.ExceptionReference
	for i := range images.Items {
		object := &images.Items[i]
		if !speaksOf(p, object) {
			continue
		}
		use, judged := r.Roster.Use(types.NamespacedName{Namespace: object.Namespace, Name: object.Name}, p.Name)
		if !judged || use.Generation != p.Generation {
			return nil, false, nil
		}
		used = append(used, use.Exceptions...)
	}
	return policy.Unused(p.Spec, used), true, nil
}

// speaksOf says that the policy speaks of an image that the object names.
func speaksOf(p policy.Policy, object *v1alpha1.TrustedImage) bool {
	for _, name := range repositories(object) {
		repository, err := image.ParseRepository(name)
		if err == nil && p.Matches(object.Namespace, repository) {
			return true
		}
	}
	return false
}

// repositories are those that the object takes digests from or has digests of.
func repositories(object *v1alpha1.TrustedImage) []string {
	var names []string
	if source := object.Spec.Source.Registry; source != nil {
		names = append(names, source.Repository)
	}
	if trusted := object.Status.Trusted; trusted != nil {
		names = append(names, trusted.Repository)
	}
	if candidate := object.Status.Candidate; candidate != nil && !object.Spec.Suspend {
		names = append(names, candidate.Repository)
	}
	for _, entry := range object.Status.History {
		names = append(names, entry.Repository)
	}
	return names
}
