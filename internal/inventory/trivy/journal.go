// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"context"
	"log/slog"
	"sync"
)

// What trivy cannot parse it leaves out, and says so in its log at most, often at debug level. These are the records that
// mean it. (Of package databases it leaves out more without a word: see package packagedb.)
var unparseable = map[string]bool{
	"Analysis error":            true, // an analyzer gave up on a file
	"Walk error":                true, // an analyzer of several files gave up on one
	"Failed to parse component": true, // of a CycloneDX document
}

// filePathKey is what trivy's records call the file that they are about, if they say.
const filePathKey = "file_path"

// journal is a [slog.Handler] that picks from trivy's log the files that could not be parsed.
type journal struct {
	mu      sync.Mutex
	current string // file that is being analyzed
	files   []string
}

// begin says which file records without a path are about from now on.
func (j *journal) begin(path string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.current = path
}

// take returns the files since the last time.
func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	files := j.files
	j.files = nil
	return files
}

// Enabled implements [slog.Handler].
func (j *journal) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (j *journal) Handle(_ context.Context, record slog.Record) error {
	if !unparseable[record.Message] {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	path := j.current
	record.Attrs(func(a slog.Attr) bool {
		if a.Key == filePathKey {
			path = a.Value.String()
		}
		return a.Key != filePathKey
	})
	j.files = append(j.files, path)
	return nil
}

// WithAttrs implements [slog.Handler].
func (j *journal) WithAttrs([]slog.Attr) slog.Handler { return j }

// WithGroup implements [slog.Handler].
func (j *journal) WithGroup(string) slog.Handler { return j }
