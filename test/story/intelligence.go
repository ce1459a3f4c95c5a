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
func (w *World) publishIntelligence(ctx context.Context) error {
	defer w.step("vulnerability database: " + w.databaseReference())()
	database, err := advisories.Load()
	if err != nil {
		return err
	}
	archive, err := database.Archive()
	if err != nil {
		return err
	}
	if _, err := advisories.Push(ctx, w.databaseReference(), archive); err != nil {
		return err
	}
	catalog, err := advisories.KEV()
	if err != nil {
		return err
	}
	return os.WriteFile(w.kevFile(), catalog, 0o600)
}

func (w *World) databaseReference() string { return w.Registry + "/mirror/trivy-db:2" }

func (w *World) kevFile() string { return filepath.Join(w.dir, "known_exploited_vulnerabilities.json") }
