// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Command kubectl-assay is the kubectl plugin: `kubectl assay why NAME` tells why an image is trusted, or why not, `kubectl assay
// evidence NAME` what was signed about it, and `kubectl assay affected` and `find` which images contain something.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// version is set when the program is built.
var version = "unknown"

// The exit codes: of kubectl assay why those of the verdict, of the others 0 for an answer that is complete.
const (
	exitTrusted      = 0
	exitRejected     = 1
	exitUndetermined = 2
)

// verdictError is a verdict that is no failure of the program and still decides its exit code.
type verdictError struct{ code int }

func (v verdictError) Error() string { return "the image is not trusted" }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	os.Exit(run(ctx, streams, os.Args[1:])) //nolint:gocritic // Nothing is left to stop.
}

// run runs the plugin with the arguments and returns its exit code.
func run(ctx context.Context, streams genericiooptions.IOStreams, arguments []string) int {
	root := &cobra.Command{
		Use:           "kubectl-assay",
		Short:         "Look into the trust in container images",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl assay"},
	}
	root.SetArgs(arguments)
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	root.AddCommand(whyCommand(streams))      //nolint:contextcheck // Commands carry their context.
	root.AddCommand(evidenceCommand(streams)) //nolint:contextcheck // Commands carry their context.
	for _, q := range questions {
		root.AddCommand(q.command(streams)) //nolint:contextcheck // Commands carry their context.
	}
	err := root.ExecuteContext(ctx)
	var verdict verdictError
	switch {
	case err == nil:
		return exitTrusted
	case errors.As(err, &verdict):
		return verdict.code
	}
	_, _ = fmt.Fprintln(streams.ErrOut, "error:", err)
	return exitUndetermined
}
