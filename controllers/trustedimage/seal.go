// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"fmt"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/reconcile"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/workpool"
)

// attachedFor is how long it is believed that what was attached is still there.
const attachedFor = 12 * time.Hour

// sealState says how far the seal of the trusted digest is. The zero value means that nobody has looked yet.
type sealState uint8

const (
	sealUnchecked sealState = iota
	sealAttached
	sealStoredOnly
)

// seal attaches the seal of the trusted digest and its SBOMs to the image in its registry. A registry that cannot be
// written does not keep anything from being promoted: the seal stands in the evidence store.
func (r *Reconciler) seal(_ context.Context, s *scope) {
	current := s.current()
	if current == nil || s.object.Spec.Suspend || current.record.SealDigest == "" || s.sealErr != nil || s.reader == nil {
		return
	}
	e, reader := *current, s.reader
	key := fmt.Sprintf("seal/%s/%s/%s/%s", s.name, e.reference, e.record.SealDigest, s.credentials)
	state, done, err := workpool.Do(r.Pool, key, s.name, attachedFor, func(ctx context.Context) (sealState, error) {
		return r.attach(ctx, s, e, reader)
	})
	if err != nil {
		r.Pool.Forget(key)
		s.sealErr = sealingFailed(err)
	}
	if done {
		s.sealed = state
	}
}

func (r *Reconciler) attach(ctx context.Context, s *scope, e entry, reader registry.Reader) (sealState, error) {
	bundle, err := r.Seals.seal(ctx, s.name, e, s.now)
	if err != nil {
		return sealUnchecked, err
	}
	describe := func(ctx context.Context, reference image.Reference) (image.Descriptor, error) {
		document, err := r.Gatherer.Document(ctx, reader, reference)
		return image.Descriptor{MediaType: document.MediaType(), Digest: reference.Digest, Size: int64(len(document.Raw))}, err
	}
	err = r.Seals.attach(ctx, e, bundle, describe)
	if registry.IsKind(err, registry.KindUnauthorized) {
		return sealStoredOnly, nil
	}
	if err != nil {
		return sealUnchecked, err
	}
	return sealAttached, nil
}

func sealingFailed(err error) error {
	reason, message := reconcile.Describe(explain(err), v1alpha1.ReasonSealingFailed)
	return &reconcile.Failed{Reason: reason, Message: message, Cause: err}
}
