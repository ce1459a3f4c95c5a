// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"

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

// sealing is the seal that is kept, and how far it is.
type sealing struct {
	state  sealState
	digest image.Digest
}

// seal attaches the seal of the trusted digest, its SBOMs and the report of its findings to the image in its registry. A registry that cannot be
// written does not keep anything from being promoted: the seal stands in the evidence store.
func (r *Reconciler) seal(_ context.Context, s *scope) {
	current := s.current()
	if current == nil || s.object.Spec.Suspend || s.sealErr != nil || s.reader == nil || s.publishing {
		return
	}
	e, reader, asked := *current, s.reader, requestedAt(s.object) != s.object.Status.LastHandledReconcileAt
	key := workpool.Key{
		Subject: fmt.Sprintf("seal/%s", s.name),
		Version: fmt.Sprintf("%s/%s/%s/%s", s.object.UID, e.reference, s.credentials, requestedAt(s.object)),
		Host:    e.reference.Repository.Host(),
		Account: s.credentials,
	}
	made, done, err := workpool.Do(r.Pool, key, s.name, attachedFor, func(ctx context.Context) (sealing, error) {
		return r.attach(ctx, s.name, e, reader, asked)
	})
	switch {
	case err != nil:
		s.sealErr = sealingFailed(err)
	case done:
		s.sealed = made.state
		current.record.SealDigest = v1alpha1.DigestString(made.digest.String())
	}
}

// attach attaches the seal that is kept, or the one in the registry when the disk is fresh, or else a new one. A restart asks no registry
// about what was attached a while ago, unless somebody asked for a look.
func (r *Reconciler) attach(ctx context.Context, name types.NamespacedName, e entry, reader registry.Reader, asked bool) (sealing, error) {
	kept, err := r.Seals.kept(ctx, name, e.reference)
	if err == nil && kept != nil && !asked && r.Seals.wasAttached(ctx, name, e.reference, kept, r.Clock.Now()) {
		return sealing{state: sealAttached, digest: image.DigestOf(kept)}, nil
	}
	if err == nil && kept == nil {
		if _, err = r.Seals.find(ctx, reader, name, e.reference); !registry.IsKind(err, registry.KindUnavailable) {
			err = nil
		}
	}
	if err != nil {
		return sealing{}, err
	}
	bundle, err := r.Seals.seal(ctx, name, e, r.Clock.Now())
	if err != nil {
		return sealing{}, err
	}
	made := sealing{state: sealAttached, digest: image.DigestOf(bundle)}
	describe := func(ctx context.Context, reference image.Reference) (image.Descriptor, error) {
		document, err := r.Gatherer.Document(ctx, reader, reference)
		return image.Descriptor{MediaType: document.MediaType(), Digest: reference.Digest, Size: int64(len(document.Raw))}, err
	}
	err = r.Seals.attach(ctx, e, bundle, describe)
	if registry.IsKind(err, registry.KindUnauthorized) {
		made.state = sealStoredOnly
		return made, nil
	}
	if err != nil {
		return made, err
	}
	return made, r.Seals.noteAttached(ctx, name, e.reference, bundle, r.Clock.Now())
}

func sealingFailed(err error) error {
	reason, message := reconcile.Describe(explain(err, v1alpha1.ReasonSealingFailed), v1alpha1.ReasonSealingFailed)
	return &reconcile.Failed{Reason: reason, Message: message, RetryAfter: retryIn(err), Cause: err}
}
