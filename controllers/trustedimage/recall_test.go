// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"strings"
	"testing"
	"time"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/registry"
)

func TestAForgedCurrentDigestDoesNotBringBackAnOlderOne(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	w.push("1.8", "first")
	w.settle(dev)
	second := w.push("1.8", "second")
	w.clock.Step(time.Hour)
	w.settle(dev)
	w.clock.Step(time.Hour)
	w.registry.down = registry.NewError(registry.KindUnavailable, nil, "down")
	w.updateStatus(func(s *v1alpha1.TrustedImageStatus) { s.Trusted.Signature = "bm90IGEgc2lnbmF0dXJl" }, dev)
	if object := w.settle(dev); trusted(object) != second.String() || len(object.Status.History) != 1 {
		t.Errorf("trusts %q with a history of %d", trusted(object), len(object.Status.History))
	}
}

func TestTrustThatEndedDoesNotComeBackFromTheRegistry(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	old := w.push("1.8", "old")
	w.settle(dev)
	w.findings.find(old, critical)
	w.settle(dev)
	w.clock.Step(grace + time.Minute)
	w.settle(dev)
	bad := w.push("1.8", "bad")
	w.findings.find(bad, critical)
	w.clock.Step(time.Hour)
	if object := w.settle(dev); trusted(object) != "" {
		t.Fatal("trust did not end")
	}
	w.start(w.reconciler.Seals.Signer, t.TempDir())
	w.push("1.8", "old")
	if object := w.settle(dev); trusted(object) != "" {
		t.Error("the seal of a digest whose trust had ended was taken for trust on a fresh disk")
	}
}

func TestGraceThatRanOutWhileNobodyLookedEndsOnlyWhatStillFails(t *testing.T) {
	w := newWorld(t, entryImage(), noFixableCriticals())
	digest := w.push("1.8", "good")
	since := w.settle(dev).Status.Trusted.TrustedAt
	w.findings.find(digest, critical)
	w.settle(dev)
	w.clock.Step(2 * grace)
	w.findings.find(digest)
	if object := w.settle(dev); trusted(object) != digest.String() || object.Status.Trusted.NotPassingSince != nil || object.Status.Trusted.TrustedAt != since {
		t.Errorf("trusted: %+v", object.Status.Trusted)
	}
}

func TestTheLedgerHoldsWhatMakesTrustAndNotWhatExplainsIt(t *testing.T) {
	w := newWorld(t, entryImage(), excepting(morning.Add(10000*time.Hour)))
	digest := w.push("1.8", "good")
	w.findings.find(digest, known)
	w.settle(dev)
	before, err := w.reconciler.Seals.Ledger.Read(t.Context(), environment(dev))
	if err != nil {
		t.Fatal(err)
	}
	w.findings.find(digest)
	if w.settle(dev).Status.Trusted.Excused != nil {
		t.Fatal("nothing changed that explains trust")
	}
	if after, err := w.reconciler.Seals.Ledger.Read(t.Context(), environment(dev)); err != nil || string(after) != string(before) {
		t.Errorf("the ledger was %s and is %s, %v", before, after, err)
	}
	for _, word := range []string{"reports", "excused", "scan", "rules"} {
		if strings.Contains(string(before), word) {
			t.Errorf("the ledger holds %s: %s", word, before)
		}
	}
}
