// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package entity_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/cosign/entity"
)

// refusing lets no request out.
type refusing struct{ t *testing.T }

func (r refusing) RoundTrip(request *http.Request) (*http.Response, error) {
	r.t.Errorf("a request to %s", request.URL)
	return nil, errors.New("nobody is to be asked")
}

// TestNobodyIsAsked: whatever the anchor demands comes with the entity, and one checker serves many at once.
func TestNobodyIsAsked(t *testing.T) {
	transport := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = transport })
	http.DefaultTransport = refusing{t}
	w := newWorld(t, always, always, always)
	for _, form := range forms {
		for by, byKey := range signers {
			anchor := signature.Anchor{Root: w.trustRoot(), Logged: true, Timed: true}
			if byKey {
				anchor.Key = w.key()
			}
			checker, err := entity.NewChecker(anchor)
			if err != nil {
				t.Fatal(err)
			}
			signed := w.make(form, signing{statement: "{}", byKey: byKey, logged: moment, stamped: moment}).entity()
			var checks sync.WaitGroup
			for range 8 {
				checks.Go(func() {
					if _, err := checker.Check(signed); err != nil {
						t.Errorf("%s by %s: %v", form, by, err)
					}
				})
			}
			checks.Wait()
		}
	}
}
