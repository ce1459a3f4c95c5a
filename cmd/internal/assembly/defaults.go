// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package assembly

import (
	"os"
	"path/filepath"
	"time"

	"github.com/assay-dev/assay/internal/inventory/javadb"
	"github.com/assay-dev/assay/internal/vulnerability/trivydb"
)

// Defaults of the programs' flags.
const (
	// DefaultDatabase is where trivy's maintainers publish the vulnerability database.
	DefaultDatabase = "ghcr.io/aquasecurity/trivy-db:2"
	// DefaultIndexMemory is the memory that indexing one image may take, in bytes.
	DefaultIndexMemory = 1 << 30
	// DefaultIndexDeadline is the time that indexing one image may take.
	DefaultIndexDeadline = 5 * time.Minute
)

// BesideThisProgram is where a program of the same release stands.
func BesideThisProgram(name string) string {
	executable, err := os.Executable()
	if err != nil {
		return name
	}
	return filepath.Join(filepath.Dir(executable), name)
}

// CheckDatabaseIfAsked checks a new database and ends the process if the arguments (os.Args) ask for it, and returns otherwise.
// Every program that has Parts calls it before it does anything else: a damaged database can end the process that reads it.
func CheckDatabaseIfAsked(args []string) {
	trivydb.RunIfAsked(args)
	javadb.RunIfAsked(args)
}
