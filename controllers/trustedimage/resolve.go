// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/reconcile"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/workpool"
)

// authenticate gets a reader with the object's credentials. While those cannot be read, an anonymous one serves to judge
// what is trusted, of which the evidence is stored.
func (r *Reconciler) authenticate(ctx context.Context, s *scope) {
	credentials, err := r.credentialsFor(ctx, s.object)
	if err == nil {
		s.reader, err = r.Registries.Reader(credentials)
	}
	if err != nil {
		s.resolveErr = explain(err, v1alpha1.ReasonInvalidSecret)
		credentials = registry.Credentials{}
		s.reader, _ = r.Registries.Reader(credentials)
	}
	s.credentials = identify(credentials)
}

// resolve finds the candidate: what the tag names now, or what the upstream offers.
func (r *Reconciler) resolve(ctx context.Context, s *scope) {
	if s.object.Spec.Suspend || s.resolveErr != nil {
		return
	}
	var err error
	if s.object.Spec.Source.UpstreamRef != nil {
		s.candidate, err = r.resolveUpstream(ctx, s)
	} else {
		s.candidate, err = r.resolveRegistry(ctx, s)
	}
	s.resolveErr = explain(err, v1alpha1.ReasonRegistryUnavailable)
}

// resolveRegistry asks the registry, with the object's own credentials also when the digest is known already: who may not
// read an image learns nothing of it from evidence that others had gathered.
func (r *Reconciler) resolveRegistry(ctx context.Context, s *scope) (*image.Reference, error) {
	source := s.object.Spec.Source.Registry
	repository, err := image.ParseRepository(source.Repository)
	if err != nil {
		return nil, invalidReference(err)
	}
	fetch, err := fetchFrom(s.reader, repository, source)
	if err != nil {
		return nil, invalidReference(err)
	}
	if err := r.allowRegistry(ctx, s, repository); err != nil {
		return nil, err
	}
	key := workpool.Key{
		Subject: fmt.Sprintf("resolve/%s", s.name),
		Version: fmt.Sprintf("%s/%s:%s@%s/%s/%s", s.object.UID, repository, source.Tag, source.Digest, s.credentials, requestedAt(s.object)),
		Host:    repository.Host(),
		Account: s.credentials,
		Urgent:  s.isNew() || requestedAt(s.object) != s.object.Status.LastHandledReconcileAt,
	}
	document, done, err := workpool.Do(r.Pool, key, s.name, s.interval(), func(ctx context.Context) (image.Document, error) {
		document, err := fetch(ctx)
		if err != nil {
			return document, err
		}
		return image.Document{Digest: document.Digest}, r.Gatherer.Keep(ctx, document)
	})
	if !done {
		s.pending = true
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &image.Reference{Repository: repository, Digest: document.Digest}, nil
}

// fetchFrom returns the one request that a look at the source costs.
func fetchFrom(reader registry.Reader, repository image.Repository, source *v1alpha1.RegistrySource) (func(context.Context) (image.Document, error), error) {
	if source.Digest != "" {
		digest, err := image.ParseDigest(string(source.Digest))
		reference := image.Reference{Repository: repository, Digest: digest}
		return func(ctx context.Context) (image.Document, error) { return reader.Document(ctx, reference) }, err
	}
	tag, err := image.ParseTag(repository, source.Tag)
	return func(ctx context.Context) (image.Document, error) { return reader.Resolve(ctx, tag) }, err
}

func invalidReference(err error) error {
	return &reconcile.Stalled{Reason: v1alpha1.ReasonInvalidReference, Message: err.Error() + "; correct spec.source.registry"}
}

// explain gives errors of the ports the reason that conditions show, and says when to try again; fallback is the reason of
// work that failed for none that is known.
func explain(err error, fallback string) error {
	var target *registry.Error
	if errors.As(err, &target) {
		return explainRegistry(target, err)
	}
	switch {
	case errors.Is(err, image.ErrNoRunnablePlatform):
		return &reconcile.Waiting{Reason: v1alpha1.ReasonNoRunnablePlatform, Message: err.Error()}
	case errors.Is(err, image.ErrOverLimit):
		return &reconcile.Waiting{Reason: v1alpha1.ReasonOverLimit, Message: err.Error()}
	case errors.Is(err, image.ErrUnsupported), errors.Is(err, image.ErrMalformed):
		return &reconcile.Waiting{Reason: v1alpha1.ReasonUnsupportedManifest, Message: err.Error()}
	case errors.Is(err, gather.ErrStore):
		return &reconcile.Failed{Reason: v1alpha1.ReasonStorageFailed, Message: err.Error(), RetryAfter: retryIn(err), Cause: err}
	case retryIn(err) > 0:
		return &reconcile.Failed{Reason: fallback, Message: err.Error(), RetryAfter: retryIn(err), Cause: err}
	}
	return err
}

// retryIn is how long the pool leaves work alone that failed, zero for an error that is not the pool's.
func retryIn(err error) time.Duration {
	var failed *workpool.Failed
	if !errors.As(err, &failed) {
		return 0
	}
	return max(failed.RetryIn, time.Second)
}

func explainRegistry(target *registry.Error, err error) error {
	// Waiting: the next look at the interval finds out; Failed: retried with backoff.
	switch target.Kind {
	case registry.KindNotFound:
		return &reconcile.Waiting{Reason: v1alpha1.ReasonImageNotFound, Message: target.Message}
	case registry.KindUnauthorized:
		return &reconcile.Waiting{Reason: v1alpha1.ReasonUnauthorized, Message: target.Message, After: secretRetry}
	case registry.KindForbiddenAddress:
		return &reconcile.Waiting{Reason: v1alpha1.ReasonAddressForbidden, Message: target.Message}
	case registry.KindUnsupported:
		return &reconcile.Waiting{Reason: v1alpha1.ReasonUnsupportedManifest, Message: target.Message}
	case registry.KindOverLimit:
		return &reconcile.Waiting{Reason: v1alpha1.ReasonOverLimit, Message: target.Message}
	case registry.KindInvalidCredentials:
		return &reconcile.Waiting{Reason: v1alpha1.ReasonInvalidSecret, Message: target.Message, After: secretRetry}
	case registry.KindDigestMismatch:
		return &reconcile.Failed{Reason: v1alpha1.ReasonDigestMismatch, Message: target.Message, RetryAfter: retryIn(err), Cause: err}
	case registry.KindUnavailable:
	}
	return &reconcile.Failed{Reason: v1alpha1.ReasonRegistryUnavailable, Message: target.Message, RetryAfter: max(target.RetryAfter, retryIn(err)), Cause: err}
}
