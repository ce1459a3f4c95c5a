// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package assembly

import (
	"context"
	"errors"
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

// Refresh loads what is on the disk and then looks once for something newer. After an error the last good stays in use.
func (p *Parts) Refresh(ctx context.Context) error {
	errs := []error{p.Database.Load(ctx)}
	_, err := p.Database.Refresh(ctx)
	errs = append(errs, err)
	if p.Jars != nil {
		errs = append(errs, p.Jars.Load(ctx))
		_, err = p.Jars.Refresh(ctx)
		errs = append(errs, err)
	}
	if p.Catalogue != nil {
		errs = append(errs, p.Catalogue.Load(ctx))
		_, err = p.Catalogue.Refresh(ctx)
		errs = append(errs, err)
	}
	if p.Scores != nil {
		errs = append(errs, p.Scores.Load(ctx))
		_, err = p.Scores.Refresh(ctx)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
