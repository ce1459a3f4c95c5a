// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/assay-dev/assay/test/registry"
	"github.com/assay-dev/assay/test/story"
)

// storyBenchmarks in their order: what is measured at rest comes before big images.
var storyBenchmarks = []func(context.Context, *bench) ([]result, error){requests, atRest, pushToVerdict, knownLayers, secretSearch}

// onStory boots Assay, plays the story, and measures.
func onStory(ctx context.Context, b *bench) (results []result, err error) {
	defer func() { err = errors.Join(err, b.stop(ctx)) }()
	if err := b.boot(ctx); err != nil {
		return nil, err
	}
	for _, benchmark := range storyBenchmarks {
		more, err := benchmark(ctx, b)
		if err != nil {
			return nil, err
		}
		results = append(results, more...)
	}
	return results, nil
}

func (b *bench) boot(ctx context.Context) (err error) {
	if b.registry, err = registry.Start(registry.WithBlobDir(filepath.Join(b.dir, "blobs"))); err != nil { //nolint:contextcheck // it runs until it is closed
		return err
	}
	b.world, err = story.Boot(ctx, story.Options{
		Root: ".", Dir: filepath.Join(b.dir, "world"), Registry: b.registry.Host(),
		Say: func(line string) { fmt.Println(line) },
	})
	if err != nil {
		return err
	}
	b.digests, err = b.world.Play(ctx)
	return err
}

func (b *bench) stop(ctx context.Context) (err error) {
	if b.world != nil {
		err = b.world.Stop(context.WithoutCancel(ctx))
	}
	if b.registry != nil {
		b.registry.Close()
	}
	b.world, b.registry = nil, nil
	return err
}
