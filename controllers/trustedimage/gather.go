// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/reconcile"
	"github.com/assay-dev/assay/internal/workpool"
)

// gather collects the evidence on the candidate and on every trusted digest. Nothing in the spec keeps a trusted digest from
// being judged. What cannot be found out of one is Undetermined and takes no trust away; of the candidate it is an error.
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
	for _, e := range s.trusted {
		if _, done := s.evidence[e.reference]; !done {
			_ = r.gatherDigest(ctx, s, e.reference, nil, "")
		}
	}
}

// gatherDigest has the evidence on one digest collected, anew for every request.
func (r *Reconciler) gatherDigest(ctx context.Context, s *scope, reference image.Reference, platforms []image.Platform, requested string) error {
	policies := r.policiesFor(ctx, s, reference.Repository)
	if policies.err != nil {
		return policies.err
	}
	request := gather.Request{Reference: reference, Platforms: platforms, Keys: policies.Keys, Reader: s.reader}
	key := gatherKey(request, s, r.Intelligence(), requested)
	collected, done, err := workpool.Do(r.Pool, key, s.name, s.keep(), func(ctx context.Context) (evidence.Evidence, error) {
		return r.Gatherer.Gather(ctx, request)
	})
	if !done {
		s.pending = true
		return nil
	}
	if err != nil {
		return err
	}
	s.evidence[reference] = collected
	return nil
}

// gatherKey is the same for all objects that want the same evidence with the same credentials. Whoever asks by annotation for
// a look has a look of its own.
func gatherKey(request gather.Request, s *scope, intelligence, requested string) workpool.Key {
	fingerprints := make([]string, 0, len(request.Keys))
	for _, key := range request.Keys {
		fingerprints = append(fingerprints, key.Fingerprint)
	}
	slices.Sort(fingerprints)
	key := workpool.Key{
		Subject: fmt.Sprintf("gather/%s/%v/%s/%s", request.Reference, request.Platforms, strings.Join(fingerprints, ","), s.credentials),
		Version: intelligence,
		Host:    request.Reference.Repository.Host(),
	}
	if requested != "" {
		key.Subject += "/" + s.name.String()
		key.Version += "/" + requested
	}
	return key
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
