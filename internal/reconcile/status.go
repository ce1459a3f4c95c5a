// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// PatchStatus writes the status of changed in one patch when it differs from that of base, the object as it was read, and
// says whether it wrote. The patch carries the resource version: when somebody wrote in between, the error is a conflict,
// and the object is to be reconciled anew.
func PatchStatus[S any](ctx context.Context, writer client.StatusWriter, base, changed client.Object, status func(client.Object) S) (bool, error) {
	if equality.Semantic.DeepEqual(status(base), status(changed)) {
		return false, nil
	}
	err := writer.Patch(ctx, changed, client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{}))
	return err == nil, err
}
