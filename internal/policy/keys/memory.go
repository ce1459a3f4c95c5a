// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// How long an answer is remembered. Thousands of images may be judged under one key, and the API server is asked for it
// thirty times an hour at most.
const (
	rememberFound   = 2 * time.Minute
	rememberMissing = 10 * time.Second
)

// Bounds of what is remembered, in answers and in bytes of their texts. A ConfigMap or a Secret holds at most one MiB.
const (
	maxRemembered      = 4096
	maxRememberedBytes = 16 << 20
)

// Remember returns a reader that asks the given one and remembers what it answered: a text for two minutes, that there is
// none for ten seconds. It is safe for concurrent use. Texts have 16 MiB of memory together.
func Remember(reader TextReader, clock clock.PassiveClock) TextReader {
	return &memory{reader: reader, clock: clock, answers: map[Place]answer{}}
}

type memory struct {
	reader TextReader
	clock  clock.PassiveClock

	mu      sync.Mutex
	answers map[Place]answer
	bytes   int
}

type answer struct {
	text  string
	err   error
	until time.Time
}

// Read answers from memory, or asks.
func (m *memory) Read(ctx context.Context, at Place) (string, error) {
	m.mu.Lock()
	remembered, found := m.answers[at]
	m.mu.Unlock()
	if found && m.clock.Now().Before(remembered.until) {
		return remembered.text, remembered.err
	}
	text, err := m.reader.Read(ctx, at)
	missing := errors.Is(err, ErrNotFound) || errors.Is(err, ErrForbidden) || errors.Is(err, ErrKeyNotFound)
	if (err == nil || missing) && len(text) <= maxRememberedBytes {
		m.keep(at, text, err, missing)
	}
	return text, err
}

func (m *memory) keep(at Place, text string, err error, missing bool) {
	until := m.clock.Now().Add(rememberFound)
	if missing {
		until = m.clock.Now().Add(rememberMissing)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bytes += len(text) - len(m.answers[at].text)
	if len(m.answers) >= maxRemembered || m.bytes > maxRememberedBytes {
		clear(m.answers)
		m.bytes = len(text)
	}
	m.answers[at] = answer{text: text, err: err, until: until}
}
