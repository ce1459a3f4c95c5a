// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// The status tells which images still rest on a key about to go, as soon as that is about to be, without anybody asking.
func TestTheStatusTellsOfKeysAboutToGo(t *testing.T) {
	signed := signedPolicy(t)
	w := newWorld(t, entryImage(), noFixableCriticals())
	ends := v1alpha1.NewTimestamp(w.clock.Now().Add(60 * 24 * time.Hour))
	signed.Spec.Authorities[0].Key.NotAfter = &ends
	if err := w.api.Create(t.Context(), signed); err != nil {
		t.Fatal(err)
	}
	w.reconciler.Policies.PublicRoot = func() []byte { return []byte("{}") }
	w.registry.signed = true
	w.registry.signedAt = []evidence.TrustedTime{{Time: w.clock.Now().Add(-time.Hour), By: evidence.WitnessLog}}
	digest := w.push("1.8", "good")
	object := w.settle(dev)
	if trusted(object) != digest.String() || object.Status.Trusted.Signers[0].NotAfter == nil {
		t.Fatalf("trusts %q, signers %+v", trusted(object), object.Status.Trusted)
	}
	expiring := func() string {
		t.Helper()
		condition := meta.FindStatusCondition(w.settle(dev).Status.Conditions, v1alpha1.KeysExpiringCondition)
		if condition == nil {
			return ""
		}
		return condition.Message
	}
	if message := expiring(); message != "" {
		t.Errorf("60 days before: %s", message)
	}
	w.clock.Step(31 * 24 * time.Hour)
	if message := expiring(); !strings.Contains(message, "ci until "+string(ends)) {
		t.Errorf("29 days before: %q", message)
	}
	w.clock.Step(30 * 24 * time.Hour)
	if message := expiring(); !strings.Contains(message, "ci until "+string(ends)) || trusted(w.get(dev)) != digest.String() {
		t.Errorf("a day after: %q; what was signed before counts as before", message)
	}
}
