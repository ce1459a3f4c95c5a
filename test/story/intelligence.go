// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"os"
	"path/filepath"

	"github.com/assay-dev/assay/test/advisories"
)

// publishIntelligence puts what Assay judges by where Assay looks for it: the vulnerability database into the registry, the
// catalog of known exploited vulnerabilities into a file.
func (w *World) publishIntelligence(ctx context.Context, options Options) error {
	defer w.step("vulnerability database: " + w.Database())()
	database, catalog := options.Database, options.Catalogue
	var err error
	if database == nil {
		if database, err = sampleDatabase(); err != nil {
			return err
		}
	}
	if catalog == nil {
		if catalog, err = advisories.KEV(); err != nil {
			return err
		}
	}
	if _, err := advisories.Push(ctx, w.Database(), database); err != nil {
		return err
	}
	return os.WriteFile(w.KEV(), catalog, 0o600)
}

func sampleDatabase() ([]byte, error) {
	database, err := advisories.Load()
	if err != nil {
		return nil, err
	}
	return database.Archive()
}

// Database is the repository:tag of the vulnerability database.
func (w *World) Database() string { return w.Registry + "/mirror/trivy-db:2" }

// KEV is the file with the catalog of known exploited vulnerabilities.
func (w *World) KEV() string { return filepath.Join(w.dir, "known_exploited_vulnerabilities.json") }
