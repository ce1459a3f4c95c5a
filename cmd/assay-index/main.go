// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Command assay-index finds out what is in one image, which comes in on its standard input. It is started by Assay's other
// programs, which need neither link its parsers nor survive them.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/assay-dev/assay/internal/inventory/trivy"
)

func main() {
	if err := trivy.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "assay-index:", err)
		os.Exit(1)
	}
}
