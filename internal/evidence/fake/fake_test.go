// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package fake_test

import (
	"errors"
	"testing"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/evidence/fake"
	"github.com/assay-dev/assay/internal/evidence/storetest"
)

func TestContract(t *testing.T) {
	var store fake.Store
	storetest.Run(t, &store, &store)
}

func TestFailAndForget(t *testing.T) {
	var store fake.Store
	if err := store.Put(t.Context(), storetest.Subject("a"), evidence.KindSPDX, nil); err != nil || store.Puts() != 1 {
		t.Fatalf("%d puts, %v", store.Puts(), err)
	}
	store.Fail(evidence.ErrFull)
	if err := store.Put(t.Context(), storetest.Subject("a"), evidence.KindSPDX, nil); !errors.Is(err, evidence.ErrFull) {
		t.Errorf("put: %v", err)
	}
	store.Fail(nil)
	store.Forget(storetest.Subject("a"), evidence.KindSPDX)
	if _, err := store.Get(t.Context(), storetest.Subject("a"), evidence.KindSPDX); !errors.Is(err, evidence.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
}
