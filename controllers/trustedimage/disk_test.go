// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// brokenLedger is one on a disk that cannot be written.
type brokenLedger struct{ evidence.Ledger }

func (brokenLedger) Write(context.Context, evidence.Environment, []byte) error {
	return errors.New("input/output error")
}

func TestADiskThatCannotBeWrittenTakesNoTrustAwayAndGivesNone(t *testing.T) {
	policy := noFixableCriticals()
	w := newWorld(t, entryImage(), policy)
	digest := w.push("1.8", "good")
	w.settle(dev)
	w.reconciler.Seals.Ledger = brokenLedger{w.reconciler.Seals.Ledger}
	policy.Spec.Vulnerabilities.Block[0].MinSeverity = v1alpha1.SeverityHigh
	if err := w.api.Update(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	w.push("1.8", "next")
	w.clock.Step(time.Hour)
	object := w.settle(dev)
	entries, forged := w.reconciler.Seals.verified(t.Context(), dev, recorded(&object.Status))
	if trusted(object) != digest.String() || len(entries) != 1 || forged != 0 {
		t.Errorf("trusts %q with %d valid entries and %d that the webhook takes for forged", trusted(object), len(entries), forged)
	}
}
