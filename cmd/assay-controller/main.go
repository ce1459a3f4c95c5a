// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Command assay-controller runs Assay's reconcilers.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/assay-dev/assay/cmd/internal/assembly"
	"github.com/assay-dev/assay/internal/inventory/javadb"
	"github.com/assay-dev/assay/internal/vulnerability/trivydb/check"
)

// version is set when the program is built.
var version = "unknown"

func main() {
	// A new vulnerability database is checked in a child, because a damaged one can kill the process that reads it.
	check.RunIfAsked(os.Args)
	javadb.RunIfAsked(os.Args)
	options, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "assay-controller:", err)
		os.Exit(2)
	}
	ctrl.SetLogger(zap.New(zap.UseDevMode(false)))
	assembly.QuietLibraries()
	if err := run(ctrl.SetupSignalHandler(), options); err != nil {
		fmt.Fprintln(os.Stderr, "assay-controller:", err)
		os.Exit(1)
	}
}
