// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Command bench measures Assay side by side with yardsticks in one run on one host, writes bin/bench/results.json, and prints
// a table. It says whether a target is met and never fails because one is not: docs/benchmarks.md tells what is measured
// and how. It is run from the project's root after `make build control-plane clients`, as `make bench` does.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/assay-dev/assay/test/registry"
	"github.com/assay-dev/assay/test/story"
)

// resultsFile is written from the project's root.
const resultsFile = "bin/bench/results.json"

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to cancel
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 0:
		return measure(ctx)
	case args[0] == readPlainly:
		return plain(ctx, args[1:])
	}
	return errors.New("usage: bench")
}

// bench is what the benchmarks run on: Assay as it ships, on which the story was played, and a registry that counts.
type bench struct {
	dir      string
	registry *registry.Registry
	world    *story.World
	digests  story.Digests
}

// benchmarks in their order: what is measured at rest comes before big images.
var benchmarks = []func(context.Context, *bench) ([]result, error){requests, atRest, pushToVerdict}

func measure(ctx context.Context) (err error) {
	b, stop, err := begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	var results []result
	for _, benchmark := range benchmarks {
		more, err := benchmark(ctx, b)
		if err != nil {
			return err
		}
		results = append(results, more...)
	}
	if err := writeResults(resultsFile, results); err != nil {
		return err
	}
	return printTable(os.Stdout, results)
}

// begin boots Assay and plays the story.
func begin(ctx context.Context) (b *bench, stop func() error, err error) {
	dir, err := os.MkdirTemp("", "assay-bench-")
	if err != nil {
		return nil, nil, err
	}
	b = &bench{dir: dir}
	stop = func() error {
		var errs []error
		if b.world != nil {
			errs = append(errs, b.world.Stop(context.WithoutCancel(ctx)))
		}
		if b.registry != nil {
			b.registry.Close()
		}
		return errors.Join(append(errs, os.RemoveAll(dir))...)
	}
	if err := b.boot(ctx); err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	return b, stop, nil
}

func (b *bench) boot(ctx context.Context) (err error) {
	if _, err := os.Stat("bin/clients/trivy"); err != nil {
		return fmt.Errorf("%w: run `make build control-plane clients` in the project's root", err)
	}
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
