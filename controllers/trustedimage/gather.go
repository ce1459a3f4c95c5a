// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/layout"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/reconcile"
	"github.com/assay-dev/assay/internal/workpool"
)

// gather collects the evidence on the candidate and on every trusted digest, and on what they replaced where policies compare
// with it. Nothing in the spec keeps a trusted digest from being judged. What cannot be found out of one is Undetermined and takes no
// trust away; of the candidate it is an error.
func (r *Reconciler) gather(ctx context.Context, s *scope) {
	if s.reader == nil {
		return
	}
	if s.candidate != nil && !s.pending {
		platforms, err := wantedPlatforms(s.object.Spec.Platforms)
		if err == nil {
			err = r.gatherDigest(ctx, s, *s.candidate, platforms, requestedAt(s.object))
		}
		s.gatherErr = explain(err, v1alpha1.ReasonIndexingFailed)
	}
	for i := range s.trusted {
		e := &s.trusted[i]
		r.gatherTrusted(ctx, s, e.reference)
		if e.replaces = r.predecessor(ctx, s, i); e.replaces != nil {
			r.gatherTrusted(ctx, s, *e.replaces)
		}
	}
}

// gatherTrusted collects the evidence on a digest that is or was trusted, once.
func (r *Reconciler) gatherTrusted(ctx context.Context, s *scope, reference image.Reference) {
	if _, done := s.evidence[reference]; done || s.unknown[reference] {
		return
	}
	err := explain(r.gatherDigest(ctx, s, reference, nil, ""), v1alpha1.ReasonIndexingFailed)
	var waiting *reconcile.Waiting
	if _, done := s.evidence[reference]; !done && !errors.As(err, &waiting) {
		s.unknown[reference] = true
	}
}

// gatherDigest has the evidence on one digest collected, anew for every request.
func (r *Reconciler) gatherDigest(ctx context.Context, s *scope, reference image.Reference, platforms []image.Platform, requested string) error {
	policies := r.policiesFor(ctx, s, reference.Repository)
	if policies.err != nil {
		return policies.err
	}
	request := gather.Request{
		Reference: reference, Platforms: platforms, Reader: s.reader,
		Anchors: policies.Anchors, PredicateTypes: policy.PredicateTypes(policies.Policies), VEX: policy.NeedsVEX(policies.Policies),
		Layouts: policies.Layouts, Believed: policy.Believes(policies.Policies, s.now),
		Secrets: policy.NeedsSecrets(policies.Policies),
	}
	key := gatherKey(request, s, policy.Authorities(policies.Policies), requested)
	collected, done, err := workpool.Do(r.Pool, key, s.name, s.interval(), func(ctx context.Context) (evidence.Evidence, error) {
		collected, err := r.Gatherer.Gather(ctx, request)
		if err == nil && (gather.Incomplete(collected) || gather.Hindered(collected)) {
			err = workpool.ErrPoor
		}
		return collected, err
	})
	switch {
	case !done:
		s.pending = true
		return nil
	case errors.Is(err, workpool.ErrPoor):
		s.retryIn = earlier(s.retryIn, retryIn(err))
	case err != nil:
		return err
	}
	if collected, done = r.rename(s, key, collected); !done {
		s.pending = true
		return nil
	}
	if collected, done = r.lookForMore(ctx, s, key, request, collected); !done {
		s.pending = true
		return nil
	}
	s.evidence[reference] = collected
	return nil
}

// lookForMore has the registry asked for what was signed about the image when what is known of before does not do.
func (r *Reconciler) lookForMore(ctx context.Context, s *scope, key workpool.Key, request gather.Request, collected evidence.Evidence) (evidence.Evidence, bool) {
	policies := r.policiesFor(ctx, s, request.Reference.Repository)
	if gather.LookedFor(collected) || policy.IsVouchedFor(policies.Policies, r.Gatherer.Stated(ctx, collected, policies.wanted(s.now)), s.now) {
		return collected, true
	}
	key.Subject = "look/" + key.Subject
	found, done, err := workpool.Do(r.Pool, key, s.name, s.interval(), func(ctx context.Context) (evidence.Evidence, error) {
		looked, err := r.Gatherer.Look(ctx, request, collected)
		if err == nil && gather.Hindered(looked) {
			err = workpool.ErrPoor
		}
		return looked, err
	})
	if err != nil && !errors.Is(err, workpool.ErrPoor) {
		s.retryIn = earlier(s.retryIn, retryIn(err))
		return collected, true
	}
	s.retryIn = earlier(s.retryIn, retryIn(err))
	return found, done
}

// rename has jars named anew when another Java database came since the evidence was collected. No registry is asked for that. While it
// fails, the names of before count.
func (r *Reconciler) rename(s *scope, key workpool.Key, collected evidence.Evidence) (evidence.Evidence, bool) {
	if !r.Gatherer.Outdated(collected) {
		return collected, true
	}
	key = workpool.Key{Subject: "rename/" + key.Subject, Version: r.Gatherer.Jars.Version() + "/" + key.Version}
	renamed, done, err := workpool.Do(r.Pool, key, s.name, s.interval(), func(ctx context.Context) (evidence.Evidence, error) {
		return r.Gatherer.Rename(ctx, collected)
	})
	if err != nil {
		s.retryIn = earlier(s.retryIn, retryIn(err))
		return collected, true
	}
	return renamed, done
}

// gatherKey is the same for all objects that want the same evidence with the same credentials. Whoever asks by annotation for
// a look has a look of its own. What vulnerabilities are known plays no part: findings are no part of what is collected.
func gatherKey(request gather.Request, s *scope, believed []string, requested string) workpool.Key {
	key := workpool.Key{
		Subject: fmt.Sprintf("gather/%s/%v/%s/%s/%s/%v/%v/%s", request.Reference, request.Platforms,
			strings.Join(believed, ","), layouts(request.Layouts), strings.Join(request.PredicateTypes, " "), request.VEX, request.Secrets, s.credentials),
		Host:    request.Reference.Repository.Host(),
		Account: s.credentials,
		Urgent:  requested != s.object.Status.LastHandledReconcileAt && requested != "" || !s.recorded(request.Reference),
	}
	if requested != "" {
		key.Subject += "/" + s.name.String()
		key.Version = requested
	}
	return key
}

func layouts(list []layout.Layout) string {
	ids := make([]string, 0, len(list))
	for _, l := range list {
		ids = append(ids, l.ID()[:32])
	}
	return strings.Join(ids, ",")
}

func wantedPlatforms(wanted []v1alpha1.PlatformString) ([]image.Platform, error) {
	platforms := make([]image.Platform, 0, len(wanted))
	for _, w := range wanted {
		platform, err := image.ParsePlatform(string(w))
		if err != nil {
			return nil, &reconcile.Stalled{Reason: v1alpha1.ReasonInvalidReference, Message: err.Error() + "; correct spec.platforms"}
		}
		platforms = append(platforms, platform)
	}
	return platforms, nil
}

// policiesFor returns the policies that speak of the repository here, read once per reconcile.
func (r *Reconciler) policiesFor(ctx context.Context, s *scope, repository image.Repository) matched {
	found, done := s.policies[repository]
	if !done {
		found.Set, found.err = r.Policies.Matching(ctx, s.name.Namespace, repository)
		s.policies[repository] = found
	}
	return found
}
