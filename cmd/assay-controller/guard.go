// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// guardName is the name of the ValidatingAdmissionPolicy in config/guard, and of its binding.
const guardName = "assay-status-guard"

// checkGuard says in the log when the guard is not in force, without which whoever may write a status may empty it. Entries
// that others write are no trust in either case: they lack the seal key's signature.
func checkGuard(ctx context.Context, api client.Reader) {
	log := ctrl.Log.WithName("guard")
	for kind, object := range map[string]client.Object{
		"ValidatingAdmissionPolicy":        &admissionv1.ValidatingAdmissionPolicy{},
		"ValidatingAdmissionPolicyBinding": &admissionv1.ValidatingAdmissionPolicyBinding{},
	} {
		err := api.Get(ctx, client.ObjectKey{Name: guardName}, object)
		switch {
		case apierrors.IsNotFound(err):
			log.Info("The guard is not installed, so that others may write the status of TrustedImages; apply config/guard", "missing", kind, "name", guardName)
		case err != nil:
			log.Error(err, "Could not look for the guard", "kind", kind, "name", guardName)
		}
	}
}
