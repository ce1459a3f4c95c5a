// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/assay-dev/assay/api/v1alpha1"
)

// fleetLimit is the anonymous memory that the controller may take with 10,000 TrustedImages, in MiB.
const fleetLimit = 200

// memory measures the controller at rest: after it has judged all images for the first time, and after a restart, which reads
// all of them again.
func (c *cluster) memory(ctx context.Context) ([]result, error) {
	verdicts := map[v1alpha1.Verdict]int{}
	for _, p := range c.passports.copy() {
		verdicts[p.verdict]++
	}
	fmt.Printf("    %d images are trusted, %d rejected\n", verdicts[v1alpha1.VerdictTrusted], verdicts[v1alpha1.VerdictRejected])
	after, err := c.memoryNow(ctx, "after the first judgement")
	if err != nil {
		return nil, err
	}
	before := c.passports.copy()
	if err := c.world.RestartController(ctx); err != nil {
		return nil, err
	}
	if _, err := c.passports.quiet(ctx, quietFor); err != nil {
		return nil, err
	}
	restarted, err := c.memoryNow(ctx, "after a restart")
	if err != nil {
		return nil, err
	}
	written := 0
	for key, now := range c.passports.copy() {
		if now.version != before[key].version {
			written++
		}
	}
	return []result{
		compare("assay-controller with 10,000 TrustedImages, anonymous memory, of the limit", "MiB", after, fleetLimit, 1),
		compare("the same after a restart, of the limit", "MiB", restarted, fleetLimit, 1),
		compare("statuses that a restart writes, of TrustedImages", "writes", float64(written), float64(len(before)), 0),
	}, nil
}

// memoryNow is the controller's anonymous memory at rest in MiB. It prints beside it what is mapped from files.
func (c *cluster) memoryNow(ctx context.Context, when string) (float64, error) {
	if err := c.idle(ctx); err != nil {
		return 0, err
	}
	anonymous, err := memoryAtRest(ctx, "assay-controller", "RssAnon")
	if err != nil {
		return 0, err
	}
	pid, err := child("assay-controller")
	if err != nil {
		return 0, err
	}
	var files int64
	for _, field := range []string{"RssFile", "RssShmem"} { // the latter is what is mapped from files that are in memory
		bytes, err := memory(pid, "status", field)
		if err != nil {
			return 0, err
		}
		files += bytes
	}
	peak, err := memory(pid, "status", "VmHWM")
	if err != nil {
		return 0, err
	}
	fmt.Printf("    assay-controller %s: %.0f MiB anonymous, %d MiB mapped from files, %d MiB resident at its peak\n", when, anonymous, files/mebibyte, peak/mebibyte)
	return anonymous, nil
}
