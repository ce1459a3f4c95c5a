// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Command assay judges an image as the controller would, without a cluster.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/assay-dev/assay/cmd/internal/assembly"
	"github.com/assay-dev/assay/internal/evidence"
)

// version is set when the program is built.
var version = "unknown"

// The exit codes of assay verify.
const (
	exitTrusted      = 0
	exitRejected     = 1
	exitUndetermined = 2
)

// verdictError is a verdict that is no failure of the program and still decides its exit code.
type verdictError struct{ code int }

func (v verdictError) Error() string { return "the image is not trusted" }

func main() {
	assembly.CheckDatabaseIfAsked(os.Args)
	slog.SetDefault(slog.New(slog.DiscardHandler)) // It is libraries that write there, such as trivy's detectors of every list of packages.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:               "assay",
		Short:             "Judge container images",
		Version:           version,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.AddCommand(verifyCommand(), scanCommand(), sbomCommand())
	err := root.ExecuteContext(ctx)
	var verdict verdictError
	switch {
	case err == nil:
		os.Exit(exitTrusted) //nolint:gocritic // Nothing is left to stop.
	case errors.As(err, &verdict):
		os.Exit(verdict.code)
	}
	for _, line := range linesOf(err) {
		fmt.Fprintln(os.Stderr, "assay:", evidence.Printable(line, maxStep))
	}
	os.Exit(exitUndetermined)
}
