// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/vulnerability"
)

// reports are the kinds of reports that the object's status names for the trusted digest, each of which must be in the store.
func (w *world) reports(name types.NamespacedName, digest image.Digest) []string {
	w.t.Helper()
	var kinds []string
	e := w.entry(name)
	for _, report := range e.record.Reports {
		kinds = append(kinds, report.Type)
		for kind, called := range reportTypes {
			content, err := w.reconciler.Seals.Store.Get(w.t.Context(), digest, piece(kind, name, e))
			if called == report.Type && (err != nil || string(report.Digest) != imageDigest(content) || string(report.Subject) != digest.String()) {
				w.t.Errorf("the store has not what the status names: %+v, %v", report, err)
			}
		}
	}
	return kinds
}

// entry is what the object trusts now.
func (w *world) entry(name types.NamespacedName) entry {
	w.t.Helper()
	entries, _ := w.reconciler.Seals.verified(w.t.Context(), name, recorded(&w.get(name).Status))
	if len(entries) == 0 {
		w.t.Fatalf("%s trusts nothing", name)
	}
	return entries[0]
}

func TestTheStatusNamesReportsInTheStore(t *testing.T) {
	w := newWorld(t, entryImage(), excepting(morning.Add(10000*time.Hour)))
	digest := w.push("1.8", "good")
	w.settle(dev)
	want := []string{"cyclonedx", "spdx", "vulnerabilities"}
	if diff := cmp.Diff(want, w.reports(dev, digest)); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	w.findings.find(digest, known)
	w.settle(dev)
	if diff := cmp.Diff(want, w.reports(dev, digest)); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	content, err := w.reconciler.Seals.Store.Get(t.Context(), digest, piece(evidence.KindVulnerabilities, dev, w.entry(dev)))
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
	if diff := cmp.Diff([]string{"cyclonedx", "spdx", "vulnerabilities"}, w.reports(dev, digest)); diff != "" {
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
	if diff := cmp.Diff([]string{"cyclonedx", "spdx"}, w.reports(dev, digest)); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
}

// TestAReportStaysWhileAStatusNamesIt has one of two environments judge the same image anew, by another edition of the database.
func TestAReportStaysWhileAStatusNamesIt(t *testing.T) {
	strict := noFixableCriticals()
	strict.Spec.Namespaces = []v1alpha1.NamespacePattern{"staging"}
	w := newWorld(t, entryImage(), downstreamImage(), strict, noDemandsAtAll())
	digest := w.push("1.8", "good")
	w.settle(dev, staging)
	version, named := w.get(dev).ResourceVersion, w.get(staging).Status.Trusted.Reports
	w.findings.publish(morning.Add(time.Hour))
	if err := w.api.Get(t.Context(), types.NamespacedName{Name: strict.Name}, strict); err != nil {
		t.Fatal(err)
	}
	strict.Spec.Vulnerabilities.Block[0].Name = "renamed"
	if err := w.api.Update(t.Context(), strict); err != nil {
		t.Fatal(err)
	}
	w.settle(dev, staging)
	if w.get(dev).ResourceVersion != version {
		t.Error("a status was written because another one names a new report")
	}
	if slices.Equal(named, w.get(staging).Status.Trusted.Reports) {
		t.Error("the status that changed does not name a new report")
	}
	for _, name := range []types.NamespacedName{dev, staging} {
		if diff := cmp.Diff([]string{"cyclonedx", "spdx", "vulnerabilities"}, w.reports(name, digest)); diff != "" {
			t.Errorf("reports of %s (-want +got):\n%s", name, diff)
		}
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
