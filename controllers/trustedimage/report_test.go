// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/vulnerability"
)

// reports are the kinds of reports that the status names for the trusted digest, each of which must be in the store.
func (w *world) reports(digest image.Digest) []string {
	w.t.Helper()
	var types []string
	for _, report := range w.get(dev).Status.Trusted.Reports {
		types = append(types, report.Type)
		for kind, name := range reportTypes {
			content, err := w.reconciler.Seals.Store.Get(w.t.Context(), digest, kind)
			if name == report.Type && (err != nil || string(report.Digest) != imageDigest(content) || string(report.Subject) != digest.String()) {
				w.t.Errorf("the store has not what the status names: %+v, %v", report, err)
			}
		}
	}
	return types
}

func TestTheStatusNamesReportsInTheStore(t *testing.T) {
	w := newWorld(t, entryImage(), excepting(morning.Add(10000*time.Hour)))
	digest := w.push("1.8", "good")
	w.settle(dev)
	want := []string{"cyclonedx", "spdx", "vulnerabilities"}
	if diff := cmp.Diff(want, w.reports(digest)); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	w.findings.find(digest, known)
	w.settle(dev)
	if diff := cmp.Diff(want, w.reports(digest)); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	content, err := w.reconciler.Seals.Store.Get(t.Context(), digest, evidence.KindVulnerabilities)
	if err != nil || !strings.Contains(string(content), known.ID) || !strings.Contains(string(content), "what is wrong") {
		t.Errorf("the report says %s, %v", content, err)
	}
	if strings.Contains(string(content), "not reachable") {
		t.Error("the report tells everybody who has the image what one environment's exceptions say")
	}
}

// anew writes SBOMs as real writers do: no two are the same.
type anew struct{ inventory.SBOMWriter }

func (a anew) SPDX(context.Context, string, inventory.Inventory) ([]byte, error) {
	return []byte(`{"spdxVersion":"SPDX-2.3","documentNamespace":"another"}`), nil
}

func TestOnAFreshDiskTheStatusNamesWhatIsKeptThere(t *testing.T) {
	w := newWorld(t, entryImage(), noDemandsAtAll())
	digest := w.push("1.8", "good")
	w.settle(dev)
	w.start(w.reconciler.Seals.Signer, t.TempDir())
	w.reconciler.Gatherer.SBOMs = anew{w.registry}
	w.settle(dev)
	if diff := cmp.Diff([]string{"cyclonedx", "spdx", "vulnerabilities"}, w.reports(digest)); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	version := w.get(dev).ResourceVersion
	w.clock.Step(24 * time.Hour)
	if w.settle(dev); w.get(dev).ResourceVersion != version {
		t.Error("the status is written again when nothing changed")
	}
}

func TestThereIsNoReportOfWhatIsNotKnown(t *testing.T) {
	w := newWorld(t, entryImage(), noDemandsAtAll())
	w.findings.fail(vulnerability.ErrNoDatabase)
	digest := w.push("1.8", "good")
	w.settle(dev)
	if diff := cmp.Diff([]string{"cyclonedx", "spdx"}, w.reports(digest)); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
}

// noDemandsAtAll speaks of everything and demands nothing.
func noDemandsAtAll() *v1alpha1.ClusterImagePolicy {
	policy := noDemands()
	policy.Spec.Images = nil
	return policy
}

func TestNewFindingsAttachNothing(t *testing.T) {
	w := newWorld(t, entryImage(), excepting(morning.Add(10000*time.Hour)))
	digest := w.push("1.8", "good")
	w.settle(dev)
	attaches := w.registry.attaches
	w.findings.find(digest, known)
	w.settle(dev)
	w.clock.Step(24 * time.Hour)
	w.settle(dev)
	if more := w.registry.attaches - attaches; more != 0 {
		t.Errorf("%d documents were attached because something else is found", more)
	}
}
