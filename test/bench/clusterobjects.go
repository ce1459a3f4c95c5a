// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
)

const (
	kibibyte = 1 << 10
	// historyLength is how many digests a TrustedImage with a full history came to trust: the current one and five before.
	historyLength = 6
	// heavyFindings is how many findings a heavy image has at least, heavyPackages of how many packages.
	heavyFindings = 2_000
	heavyPackages = 600
	// What a TrustedImage may take in etcd, a usual one and one with a full history.
	usualObject = 6 * kibibyte
	heavyObject = 16 * kibibyte
)

// histories are the TrustedImages with full histories.
var histories = struct{ usual, heavy client.ObjectKey }{
	client.ObjectKey{Namespace: "histories", Name: "usual"}, client.ObjectKey{Namespace: "histories", Name: "heavy"},
}

// makeHistories makes the images that come after one another under one tag.
func (c *cluster) makeHistories() error {
	for number := range historyLength {
		heavy, err := contentOf(c.fleet.Vulnerable(number, heavyPackages), c.registries[0].Host(), "histories/heavy", fmt.Sprint(number))
		if err != nil {
			return err
		}
		usual, err := contentOf(c.fleet.Image(number), c.registries[0].Host(), "histories/usual", fmt.Sprint(number))
		if err != nil {
			return err
		}
		c.heavy, c.usual = append(c.heavy, heavy), append(c.usual, usual)
	}
	return nil
}

// objects measures what TrustedImages take in etcd: all of the fleet, and two with full histories.
func (c *cluster) objects(ctx context.Context) ([]result, error) {
	for key, versions := range map[client.ObjectKey][]content{histories.usual: c.usual, histories.heavy: c.heavy} {
		if err := c.live(ctx, key, versions); err != nil {
			return nil, err
		}
	}
	findings, err := c.findings(ctx, histories.heavy)
	if err != nil {
		return nil, err
	}
	if findings < heavyFindings {
		return nil, fmt.Errorf("the heavy image has %d findings, and must have %d", findings, heavyFindings)
	}
	sizes, err := storedSizes(ctx, c.world)
	if err != nil {
		return nil, err
	}
	var fleet []float64
	for key := range c.expected {
		if sizes[key] == 0 {
			return nil, fmt.Errorf("etcd does not have %s", key)
		}
		fleet = append(fleet, float64(sizes[key])/kibibyte)
	}
	slices.Sort(fleet)
	fmt.Printf("    in etcd: median %.1f KiB, 99 of 100 at most %.1f KiB, the largest %.1f KiB; with %d findings and a full history %.1f KiB\n",
		median(fleet), fleet[len(fleet)*99/100], fleet[len(fleet)-1], findings, float64(sizes[histories.heavy])/kibibyte)
	const limit = " in etcd with managedFields, of the limit"
	return []result{
		compare("a TrustedImage, median,"+limit, "KiB", median(fleet), usualObject/kibibyte, 1),
		compare("a TrustedImage with a full history,"+limit, "KiB", float64(sizes[histories.usual])/kibibyte, heavyObject/kibibyte, 1),
		compare(fmt.Sprintf("a TrustedImage with %d findings and a full history,", findings)+limit, "KiB", float64(sizes[histories.heavy])/kibibyte, heavyObject/kibibyte, 1),
	}, nil
}

// live has a TrustedImage come to trust one version after the other, as their tag moves.
func (c *cluster) live(ctx context.Context, key client.ObjectKey, versions []content) error {
	for number, version := range versions {
		version.tag = "latest"
		if err := c.put(version); err != nil { //nolint:contextcheck // the registry is in this process
			return err
		}
		object := passportFor(key, version)
		if number == 0 {
			if err := c.world.Admin.Create(ctx, object); err != nil {
				return err
			}
		} else {
			patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.RequestedAtAnnotation, fmt.Sprint(number))
			if err := c.world.Admin.Patch(ctx, object, client.RawPatch("application/merge-patch+json", []byte(patch))); err != nil {
				return err
			}
		}
		err := c.passports.await(ctx, changePatience, func(all map[client.ObjectKey]passport) string {
			if p := all[key]; string(p.trusted) != version.digest().String() || !p.settled {
				return fmt.Sprintf("%s does not trust its version %d: %s %s", key, number, p.verdict, p.reason)
			}
			return ""
		})
		if err != nil {
			return err
		}
		// Times in a status are exact to a second, and two digests are not trusted at the same.
		if err := wait(ctx, time.Second); err != nil {
			return err
		}
	}
	return nil
}

// findings counts those in the digest that a TrustedImage trusts.
func (c *cluster) findings(ctx context.Context, key client.ObjectKey) (int, error) {
	var object v1alpha1.TrustedImage
	if err := c.world.Admin.Get(ctx, key, &object); err != nil {
		return 0, err
	}
	if object.Status.Trusted == nil || object.Status.Trusted.Findings == nil || len(object.Status.History) != historyLength-1 {
		return 0, fmt.Errorf("%s has no findings or a history of %d", key, len(object.Status.History))
	}
	f := object.Status.Trusted.Findings
	return int(f.Critical + f.High + f.Medium + f.Low + f.Unknown), nil
}

func wait(ctx context.Context, span time.Duration) error {
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
