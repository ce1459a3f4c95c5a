// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/policy"
)

const (
	// exploitedTarget is within how many seconds a change of the catalogue must show.
	exploitedTarget = 5.0
	// idleShare is the part of a processor that an idle controller takes at most.
	idleShare = 0.05
	// idlePatience bounds the wait for that.
	idlePatience = 10 * time.Minute
)

// change is what an update did.
type change struct {
	// flipped are the TrustedImages with another verdict than before, written those of which the status was written at all.
	flipped, written []client.ObjectKey
	// took is the time until the last of them was written.
	took time.Duration
	// requests to the registry.
	requests int
}

// updates measures what new editions of the database do: one that changes advisories, and one that changes nothing.
func (c *cluster) updates(ctx context.Context) ([]result, error) {
	changed, err := c.update(ctx, policy.FeedVulnerabilities, func() error { return c.use(c.plan.changed()) })
	if err != nil {
		return nil, err
	}
	if err := changed.mustFlip(c.carriersThatPassed(changed, c.plan.Flipping)); err != nil {
		return nil, fmt.Errorf("%s: %w", flippingID, err)
	}
	fmt.Printf("    1 %% of advisories changed: %d verdicts flipped and %d statuses written, the last after %.1f s; %d registry requests\n",
		len(changed.flipped), len(changed.written), changed.took.Seconds(), changed.requests)
	same, err := c.update(ctx, policy.FeedVulnerabilities, func() error { return c.use(c.plan.same()) })
	if err != nil {
		return nil, err
	}
	if len(same.flipped) != 0 {
		return nil, fmt.Errorf("an edition in which nothing changed flipped the verdicts of %v", same.flipped)
	}
	return []result{
		compare("statuses that 1 % of advisories write, of images with another count", "writes", float64(len(changed.written)), float64(len(c.plan.Flipping.Images)), 1),
		compare("statuses that an update without changes writes, of TrustedImages", "writes", float64(len(same.written)), fleetSize, 0),
		compare("registry requests of both updates, of TrustedImages", "requests", float64(changed.requests+same.requests), fleetSize, 0),
	}, nil
}

// exploitation measures a new entry in CISA's catalogue.
func (c *cluster) exploitation(ctx context.Context) ([]result, error) {
	catalogue, err := c.catalogue(2)
	if err != nil {
		return nil, err
	}
	listed, err := c.update(ctx, policy.FeedKEV, func() error {
		next := c.world.KEV() + ".next"
		if err := os.WriteFile(next, catalogue, 0o600); err != nil {
			return err
		}
		return os.Rename(next, c.world.KEV())
	})
	if err != nil {
		return nil, err
	}
	if err := listed.mustFlip(c.carriersThatPassed(listed, c.plan.Exploited)); err != nil {
		return nil, fmt.Errorf("%s: %w", exploitedID, err)
	}
	fmt.Printf("    %s is new in the catalogue: %d verdicts flipped, the last after %.1f s\n", exploitedID, len(listed.flipped), listed.took.Seconds())
	return []result{
		compare("from a new entry in KEV to the last verdict that it flips, of the limit", "s", listed.took.Seconds(), exploitedTarget, 1),
	}, nil
}

// update makes an update and waits until the controller has done all that follows from it.
func (c *cluster) update(ctx context.Context, feed string, publish func() error) (done change, err error) {
	if err := c.idle(ctx); err != nil {
		return done, err
	}
	before, known := c.passports.copy(), c.requests()
	was, err := c.feedVersion(ctx, feed)
	if err != nil {
		return done, err
	}
	began := time.Now()
	if err := publish(); err != nil {
		return done, err
	}
	err = c.world.Await(ctx, changePatience, "the policy to speak of another edition", func(ctx context.Context) (string, error) {
		now, err := c.feedVersion(ctx, feed)
		if now == was {
			return "it is " + now, err
		}
		return "", err
	})
	if err != nil {
		return done, err
	}
	last, err := c.passports.quiet(ctx, quietFor)
	if err != nil {
		return done, err
	}
	if err := c.idle(ctx); err != nil {
		return done, err
	}
	for key, now := range c.passports.copy() {
		if now.version != before[key].version {
			done.written = append(done.written, key)
		}
		if now.verdict != before[key].verdict {
			done.flipped = append(done.flipped, key)
		}
	}
	done.took = max(0, last.Sub(began))
	done.requests = c.requests() - known
	return done, nil
}

// feedVersion is the version and the time of what is loaded of a feed, as the policy says.
func (c *cluster) feedVersion(ctx context.Context, feed string) (string, error) {
	var p v1alpha1.ClusterImagePolicy
	if err := c.world.Admin.Get(ctx, client.ObjectKey{Name: "fleet"}, &p); err != nil {
		return "", err
	}
	for _, f := range p.Status.Feeds {
		if f.Name == feed && f.UpdatedAt != nil {
			return fmt.Sprint(f.Version, " ", *f.UpdatedAt), nil
		}
	}
	return "unknown", nil
}

// carriersThatPassed are the TrustedImages that must flip: those that contain the marker and were trusted before.
func (c *cluster) carriersThatPassed(done change, m marker) (must []client.ObjectKey) {
	now := c.passports.copy()
	for _, number := range m.Images {
		key := keyOf(number)
		flipped := slices.Contains(done.flipped, key)
		if flipped || now[key].verdict == v1alpha1.VerdictTrusted {
			must = append(must, key)
		}
	}
	return must
}

// mustFlip fails unless exactly these flipped.
func (done change) mustFlip(must []client.ObjectKey) error {
	compare := func(a, b client.ObjectKey) int {
		return slices.Compare([]string{a.Namespace, a.Name}, []string{b.Namespace, b.Name})
	}
	slices.SortFunc(done.flipped, compare)
	slices.SortFunc(must, compare)
	switch {
	case len(must) == 0:
		return fmt.Errorf("no image passed that carries it, so that it cannot flip a verdict")
	case !slices.Equal(done.flipped, must):
		return fmt.Errorf("it flipped the verdicts of %v, and those that carry it and passed are %v", done.flipped, must)
	}
	return nil
}

// idle waits until the controller does nothing.
func (c *cluster) idle(ctx context.Context) error {
	pid, err := child("assay-controller")
	if err != nil {
		return err
	}
	last, err := processorTime(pid)
	if err != nil {
		return err
	}
	for waited := time.Duration(0); waited < idlePatience; waited += settled / 2 {
		if err := wait(ctx, settled/6); err != nil {
			return err
		}
		now, err := processorTime(pid)
		if err != nil {
			return err
		}
		if (now - last).Seconds() < idleShare*(settled/6).Seconds() {
			return nil
		}
		last = now
	}
	return fmt.Errorf("assay-controller is still busy after %s", idlePatience)
}
