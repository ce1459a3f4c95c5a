// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Command assay-controller runs Assay's reconcilers.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/assay-dev/assay/cmd/internal/assembly"
)

// version is set when the program is built.
var version = "unknown"

// gcPercent is how much garbage there may be beside what is in use. With 10,000 TrustedImages the latter is more than 100 MB, which
// hardly ever change, so that collecting more often costs little and saves half of that.
const gcPercent = 50

func main() {
	assembly.CheckDatabaseIfAsked(os.Args)
	options, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "assay-controller:", err)
		os.Exit(2)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctrl.SetLogger(zap.New(zap.UseDevMode(false)))
	slog.SetDefault(slog.New(librariesTo(ctrl.Log)))
	if err := run(ctrl.SetupSignalHandler(), options); err != nil {
		fmt.Fprintln(os.Stderr, "assay-controller:", err)
		os.Exit(1)
	}
}

// librariesTo takes what libraries say to slog to the log: errors as such, and all else, such as what trivy's detectors tell of every list
// of packages, for debugging.
func librariesTo(log logr.Logger) slog.Handler {
	const warningsAreDebug = 1 + int(slog.LevelWarn)
	return logr.ToSlogHandler(log.WithName("libraries").V(warningsAreDebug))
}
