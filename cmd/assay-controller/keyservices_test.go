// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/signature"
	signerfake "github.com/assay-dev/assay/internal/signature/fake"
	"github.com/assay-dev/assay/internal/signature/kms"
)

func TestPoliciesNameOnlyKeysThatTheAdministratorAllows(t *testing.T) {
	for name, test := range map[string]struct {
		allowed []string
		asks    bool
	}{
		"nothing is allowed unless it is said": {nil, false},
		"the very key":                         {[]string{"awskms:///alias/release"}, true},
		"a pattern":                            {[]string{"awskms:///alias/*"}, true},
		"another key":                          {[]string{"awskms:///alias/other"}, false},
		"no other host":                        {[]string{"awskms://*.example.com/alias/release"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			asked := false
			services := newKeyServices(signerOptions{kmsKeys: test.allowed})
			services.ask = func(context.Context, kms.Options) (signature.Key, error) {
				asked = true
				return signerfake.NewSigner("release").Key(), nil
			}
			_, err := services.PublicKey(t.Context(), "awskms:///alias/release")
			if asked != test.asks || (err == nil) != test.asks || err != nil && !strings.Contains(err.Error(), "--kms-key") {
				t.Errorf("asked: %v, %v", asked, err)
			}
		})
	}
}

// That a service cannot be asked says nothing of the key, and is not told as if it did.
func TestAnOutageIsNoVerdictOnTheKey(t *testing.T) {
	for answer, outage := range map[error]bool{kms.ErrUnreachable: true, kms.ErrRefused: false} {
		services := newKeyServices(signerOptions{kmsKeys: []string{"*"}})
		services.ask = func(context.Context, kms.Options) (signature.Key, error) { return signature.Key{}, answer }
		if _, err := services.PublicKey(t.Context(), "hashivault://release"); !errors.Is(err, answer) || errors.Is(err, keys.ErrServiceUnavailable) != outage {
			t.Errorf("of %v is told %v", answer, err)
		}
	}
}

func TestAServiceIsAskedOnceInAWhileAndItsOutageEndsNothing(t *testing.T) {
	now := clocktesting.NewFakePassiveClock(time.Unix(1_800_000_000, 0))
	key, asked, answer := signerfake.NewSigner("release").Key(), 0, error(nil)
	services := newKeyServices(signerOptions{kmsKeys: []string{"*"}})
	services.clock = now
	services.ask = func(context.Context, kms.Options) (signature.Key, error) {
		asked++
		return key, answer
	}
	for step, test := range []struct {
		after   time.Duration
		answer  error
		asked   int
		refused bool
	}{
		{0, nil, 1, false},
		{time.Minute, nil, 1, false},
		{askAgain, kms.ErrUnreachable, 2, false},
		{time.Second, kms.ErrUnreachable, 2, false},
		{askAgainAfter, kms.ErrRefused, 3, true},
		{time.Second, nil, 3, true},
		{askAgainAfter, nil, 4, false},
	} {
		now.SetTime(now.Now().Add(test.after))
		answer = test.answer
		got, err := services.PublicKey(t.Context(), "hashivault://release")
		if asked != test.asked || errors.Is(err, kms.ErrRefused) != test.refused || !test.refused && got.Fingerprint != key.Fingerprint {
			t.Errorf("step %d: asked %d times, %v", step, asked, err)
		}
	}
}
