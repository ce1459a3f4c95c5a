// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// admissionTimeout bounds the wait for the webhook to learn what was written.
const admissionTimeout = 30 * time.Second

// AwaitAdmission waits until admission says of a Pod with the image what it must: nothing when refusal is empty, and otherwise
// no, with this text. The webhook learns what is trusted a moment after it was written.
func (w *World) AwaitAdmission(ctx context.Context, namespace, image, refusal string) error {
	return w.Await(ctx, admissionTimeout, "admission in "+namespace, func(ctx context.Context) (string, error) {
		err := w.Admin.Create(ctx, probe(namespace, image), client.DryRunAll)
		switch {
		case err == nil && refusal == "":
			return "", nil
		case err == nil:
			return "the Pod may run", nil
		case refusal != "" && strings.Contains(err.Error(), refusal):
			return "", nil
		case apierrors.IsForbidden(err):
			return err.Error(), nil
		}
		return "", err
	})
}

func probe(namespace, image string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "probe"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "probe", Image: image}}},
	}
}
