// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/utils/clock"

	"github.com/assay-dev/assay/internal/glob"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/signature"
	"github.com/assay-dev/assay/internal/signature/kms"
)

// How long an answer of a key management service counts: thousands of images may be judged under one key.
const (
	askAgain      = time.Hour
	askAgainAfter = time.Minute // after a failure
)

// keyServices asks key management services for the public keys that policies name. Whoever may write a policy could have Assay ask any
// address with Assay's own credentials, so that only keys are asked for that the administrator allows.
type keyServices struct {
	program string
	allowed []string
	clock   clock.PassiveClock
	ask     func(context.Context, kms.Options) (signature.Key, error)

	asking singleflight.Group
	mu     sync.Mutex
	known  map[string]serviceKey
}

// maxServiceKeys bounds the keys of which is remembered what services answered.
const maxServiceKeys = 1024

// serviceKey is the last good answer, and why there is none or no newer one.
type serviceKey struct {
	key   signature.Key
	err   error
	until time.Time
}

var _ keys.KeyServices = (*keyServices)(nil)

func newKeyServices(o signerOptions) *keyServices {
	return &keyServices{program: o.kmsProgram, allowed: o.kmsKeys, clock: clock.RealClock{}, ask: kms.PublicKey, known: map[string]serviceKey{}}
}

var errKeyNotAllowed = errors.New("the administrator of Assay does not let policies name this key; --kms-key of assay-controller lists those that they may")

// PublicKey implements keys.KeyServices. While a service cannot be asked, the key of before counts.
func (s *keyServices) PublicKey(ctx context.Context, uri string) (signature.Key, error) {
	if !slices.ContainsFunc(s.allowed, func(pattern string) bool { return glob.Match(pattern, uri) }) {
		return signature.Key{}, errKeyNotAllowed
	}
	s.mu.Lock()
	last, asked := s.known[uri]
	s.mu.Unlock()
	if asked && s.clock.Now().Before(last.until) {
		return last.key, last.err
	}
	// Whoever asks for another key does not wait for this one.
	answer, _, _ := s.asking.Do(uri, func() (any, error) { return s.answer(ctx, uri, last), nil })
	last, _ = answer.(serviceKey)
	return last.key, last.err
}

// answer asks the service, and remembers what it answered.
func (s *keyServices) answer(ctx context.Context, uri string, last serviceKey) serviceKey {
	key, err := s.ask(ctx, kms.Options{Program: s.program, URI: uri, Environment: os.Environ()})
	switch {
	case err == nil:
		last = serviceKey{key: key, until: s.clock.Now().Add(askAgain)}
	case last.key.Public != nil && !errors.Is(err, kms.ErrRefused):
		last.until = s.clock.Now().Add(askAgainAfter)
	case errors.Is(err, kms.ErrUnreachable):
		last = serviceKey{err: fmt.Errorf("%w: %w", keys.ErrServiceUnavailable, err), until: s.clock.Now().Add(askAgainAfter)}
	default:
		last = serviceKey{err: err, until: s.clock.Now().Add(askAgainAfter)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= maxServiceKeys {
		clear(s.known)
	}
	s.known[uri] = last
	return last
}
