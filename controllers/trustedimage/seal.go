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
	if current == nil || !s.stands(current) || s.object.Spec.Suspend || s.sealErr != nil || s.reader == nil || s.publishing {
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

// stands says that the entry stands in the status that was read. What does not yet may lose against another controller's, and its seal would
// be a second one.
func (s *scope) stands(e *entry) bool {
	t := s.object.Status.Trusted
	return t != nil && t.Digest == e.record.Digest && t.Repository == e.record.Repository && t.TrustedAt == e.record.TrustedAt
}

// attach attaches the seal of the entry. One that the registry has already, from before the disk was lost or by another controller, is the
// entry's; else it is the one that is kept, or else a new one. A restart asks no registry about what was attached a while ago, unless
// somebody asked for a look.
func (r *Reconciler) attach(ctx context.Context, name types.NamespacedName, e entry, reader registry.Reader, asked bool) (sealing, error) {
	kept, err := r.Seals.kept(ctx, name, e)
	if err != nil {
		return sealing{}, err
	}
	at, attached := r.Seals.attachedAt(ctx, name, e.reference, kept)
	if attached && !asked && r.Clock.Now().Sub(at) < attachedFor {
		return sealing{state: sealAttached, digest: image.DigestOf(kept)}, nil
	}
	if !attached {
		if e, err = r.Seals.lookFor(ctx, reader, name, e); err != nil {
			return sealing{}, err
		}
	}
	bundle, err := r.Seals.seal(ctx, name, e)
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
