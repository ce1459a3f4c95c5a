// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"fmt"
	"time"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/workpool"
)

// Times keeps copies of first-seen times outside of the disk, from which a lost one is restored.
type Times interface {
	// Publish writes the copy of a digest's times when it lacks some of the findings'. The error is a *registry.Error.
	Publish(ctx context.Context, about image.Reference, findings []evidence.Finding) error
}

// publishedFor is how long it is believed that a copy is still there.
const publishedFor = 24 * time.Hour

// publish keeps when the findings in the candidate and in the current digest were first seen where a lost disk cannot take it, as soon
// as there is a time that was not there before. That a registry may not be written is told with the seal, which comes afterwards.
func (r *Reconciler) publish(_ context.Context, s *scope) {
	if r.Times == nil || s.object.Spec.Suspend {
		return
	}
	if s.candidate != nil {
		r.publishTimes(s, *s.candidate)
	}
	if current := s.current(); current != nil && (s.candidate == nil || current.reference != *s.candidate) {
		r.publishTimes(s, current.reference)
	}
}

func (r *Reconciler) publishTimes(s *scope, reference image.Reference) {
	collected, gathered := s.evidence[reference]
	version := timesIn(s.examined[reference])
	if !gathered || version == "" {
		return
	}
	key := workpool.Key{Subject: fmt.Sprintf("publish/%s", reference), Version: version, Host: reference.Repository.Host()}
	_, done, err := workpool.Do(r.Pool, key, s.name, publishedFor, func(ctx context.Context) (struct{}, error) {
		// Examined again, so that the findings of all who wait for their turn are not held in memory.
		err := r.Times.Publish(ctx, reference, findingsIn(r.Gatherer.Examine(ctx, collected, gather.Wanted{})))
		if registry.IsKind(err, registry.KindUnauthorized) {
			err = nil
		}
		return struct{}{}, err
	})
	s.publishing = s.publishing || !done
	s.retryIn = earlier(s.retryIn, retryIn(err))
}

// timesIn names the first-seen times of the findings, empty when there are none.
func timesIn(examined evidence.Evidence) string {
	findings := findingsIn(examined)
	if len(findings) == 0 {
		return ""
	}
	var times []byte
	for _, f := range findings {
		times = fmt.Appendf(times, "%q %q %d %d\n", f.ID, f.Package, f.FirstSeen.Unix(), f.FixSeen.Unix())
	}
	return image.DigestOf(times).String()
}

// findingsIn are those of all platforms.
func findingsIn(examined evidence.Evidence) []evidence.Finding {
	var findings []evidence.Finding
	for _, platform := range examined.Platforms {
		findings = append(findings, platform.Findings.Value...)
	}
	return findings
}
