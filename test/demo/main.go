// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Command demo shows an image's way from dev to prod on real processes of this host, and keeps them running:
//
//	go run ./test/demo       starts everything, plays the story and prints what came of it
//	go run ./test/demo stop  ends what it left running
//
// It is run from the project's root after `make build control-plane clients`, as `make demo` does.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to cancel
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 0:
		return start(ctx)
	case len(args) == 1 && args[0] == "stop":
		stopped, err := stop(ctx)
		fmt.Printf("%d processes ended\n", stopped)
		return err
	case len(args) == 3 && args[0] == serveRegistry:
		return serve(ctx, args[1], args[2])
	}
	return errors.New("usage: demo [stop]")
}
