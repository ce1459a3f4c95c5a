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
	"slices"
	"syscall"
	"time"

	"github.com/assay-dev/assay/internal/vulnerability/trivydb"
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

// inChild does what this program does for itself in processes of their own.
func inChild(ctx context.Context, args []string) (is bool, err error) {
	if len(args) == 0 {
		return false, nil
	}
	switch args[0] {
	case readPlainly:
		return true, plain(ctx, args[1:])
	case rematchInChild:
		return true, matchFleet(ctx, args[1:])
	case verifySignedInChild:
		return true, verifySignatures(ctx, args[1:])
	case scoresInChild:
		return true, loadScores(ctx, args[1:])
	}
	return false, nil
}

func run(ctx context.Context, args []string) error {
	trivydb.RunIfAsked(os.Args) // as assay-controller does
	if is, err := inChild(ctx, args); is {
		return err
	}
	chosen := parts
	if len(args) > 0 {
		chosen = slices.DeleteFunc(slices.Clone(parts), func(p part) bool { return !slices.Contains(args, p.name) })
		if len(chosen) < len(args) {
			return errors.New("usage: bench [story] [rematch] [scores] [signatures] [cluster]")
		}
	}
	return measure(ctx, chosen)
}

// part is some benchmarks that have something in common.
type part struct {
	name string
	run  func(context.Context, *bench) ([]result, error)
}

// parts in their order.
var parts = []part{{"story", onStory}, {"rematch", rematch}, {"scores", scores}, {"signatures", signatures}, {"cluster", onCluster}}

// bench is what the benchmarks run on.
type bench struct {
	dir string
	// registry counts, and world is Assay as it ships, on which the story was played.
	registry *registry.Registry
	world    *story.World
	digests  story.Digests

	plan *plan
}

// fleetPlan makes the plan of the fleet once.
func (b *bench) fleetPlan(ctx context.Context) (plan, error) {
	if b.plan == nil {
		made, err := planFleet(ctx, filepath.Join(b.dir, "fleet"))
		if err != nil {
			return plan{}, err
		}
		b.plan = &made
	}
	return *b.plan, nil
}

func measure(ctx context.Context, chosen []part) (err error) {
	for _, program := range []string{"assay-index", "kubectl-assay", "clients/trivy", "clients/cosign"} {
		if _, err := os.Stat(filepath.Join("bin", program)); err != nil {
			return fmt.Errorf("%w: run `make build control-plane clients` in the project's root", err)
		}
	}
	dir, err := os.MkdirTemp("", "assay-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{dir: dir}
	var results []result
	for _, p := range chosen {
		began := time.Now()
		fmt.Println("==>", p.name)
		more, err := p.run(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		results = append(results, more...)
		fmt.Printf("    took %.0f s\n", time.Since(began).Seconds())
	}
	if err := writeResults(resultsFile, results); err != nil {
		return err
	}
	return printTable(os.Stdout, results)
}
