// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package equality_test

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"k8s.io/utils/clock"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/evidence/disk"
	"github.com/assay-dev/assay/internal/fleet"
	"github.com/assay-dev/assay/internal/gather"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/sandbox"
	"github.com/assay-dev/assay/internal/registry"
	"github.com/assay-dev/assay/internal/registry/oci"
	"github.com/assay-dev/assay/internal/vulnerability/fake"
	"github.com/assay-dev/assay/internal/vulnerability/trivydb"
)

// assay is the product's own parts, as the controller and the command line put them together.
type assay struct {
	gatherer *gather.Gatherer
	reader   registry.Reader
}

// buildFolder is where assay-index is built; TestMain makes and removes it.
var buildFolder string

// buildIndexer builds assay-index once, so that no older one is tested.
var buildIndexer = sync.OnceValues(func() (string, error) {
	path := filepath.Join(buildFolder, "assay-index")
	command := exec.CommandContext(context.Background(), "go", "build", "-o", path, "./cmd/assay-index")
	command.Dir = root
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build assay-index: %w\n%s", err, output)
	}
	return path, nil
})

// noSBOMs writes empty documents: what is compared is findings.
type noSBOMs struct{}

func (noSBOMs) SPDX(context.Context, string, inventory.Inventory) ([]byte, error) {
	return []byte("{}"), nil
}

func (noSBOMs) CycloneDX(context.Context, string, inventory.Inventory) ([]byte, error) {
	return []byte("{}"), nil
}

func newAssay(t *testing.T, indexProgram, database, registryHost string) assay {
	t.Helper()
	matcher := trivydb.New(t.TempDir(), trivydb.FromPath(database), clock.RealClock{})
	t.Cleanup(func() {
		if err := matcher.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := matcher.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	store, err := disk.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	indexer, err := sandbox.New(sandbox.Options{Program: indexProgram, ScratchDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(indexer.Close)
	client, err := oci.New(oci.Options{
		AllowedAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, InsecureHosts: []string{registryHost},
	})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := client.Reader(registry.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	return assay{
		gatherer: &gather.Gatherer{Store: store, Indexer: indexer, SBOMs: noSBOMs{}, Matcher: fleet.New(matcher, store), Catalogue: &fake.Catalogue{}, Scores: &fake.Scores{}, Chronicle: &fake.Chronicle{}},
		reader:   reader,
	}
}

// gather collects what Assay knows of an image.
func (w *world) gather(t *testing.T, reference string) evidence.Evidence {
	t.Helper()
	parsed, err := image.ParseReference(reference)
	if err != nil {
		t.Fatal(err)
	}
	gathered, err := w.assay.gatherer.Gather(t.Context(), gather.Request{Reference: parsed, Reader: w.assay.reader})
	if err != nil {
		t.Fatal(err)
	}
	return w.assay.gatherer.Examine(t.Context(), gathered, gather.Wanted{})
}

// severityNames are trivy's.
var severityNames = map[evidence.Severity]string{
	evidence.SeverityUnknown:  "UNKNOWN",
	evidence.SeverityLow:      "LOW",
	evidence.SeverityMedium:   "MEDIUM",
	evidence.SeverityHigh:     "HIGH",
	evidence.SeverityCritical: "CRITICAL",
}

// findingsOf returns what trivy must find as well. What comprehensive detection adds is not compared with trivy's default.
func findingsOf(t *testing.T, platform evidence.Platform) []finding {
	t.Helper()
	plain, _ := bothFindingsOf(t, platform)
	return plain
}

// bothFindingsOf returns the findings without and with those that comprehensive detection alone gives.
func bothFindingsOf(t *testing.T, platform evidence.Platform) (plain, all []finding) {
	t.Helper()
	if platform.Inventory.State != evidence.Known || platform.Findings.State != evidence.Known {
		t.Fatalf("%s: inventory %+v, findings %+v", platform.Platform, platform.Inventory, platform.Findings)
	}
	seenPlain, seen := map[finding]bool{}, map[finding]bool{}
	for _, f := range platform.Findings.Value {
		compared := finding{
			Platform: platform.Platform.String(), Target: f.Target, Package: f.Package, Version: f.Version, ID: f.ID,
			FixedVersion: f.FixedVersion, Severity: severityNames[f.Severity],
		}
		if !seen[compared] { // the same package in two places
			seen[compared] = true
			all = append(all, compared)
		}
		if !f.Comprehensive && !seenPlain[compared] {
			seenPlain[compared] = true
			plain = append(plain, compared)
		}
	}
	return plain, all
}
