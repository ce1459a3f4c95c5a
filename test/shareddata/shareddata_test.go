// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package shareddata

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRootIsAboveThisPackage(t *testing.T) {
	if _, err := os.Stat(filepath.Join(root(t), "test", "shareddata", "shareddata.go")); err != nil {
		t.Error(err)
	}
}

func TestWhatIsAbsentIsNotFound(t *testing.T) {
	if path, ok := Path(t, "no such file"); ok || path != "" {
		t.Errorf("found %q", path)
	}
}

// skipper notes that a test was to be skipped.
type skipper struct {
	testing.TB
	skipped bool
}

func (s *skipper) Skipf(string, ...any) { s.skipped = true }

func TestRequireSkipsWithoutTheData(t *testing.T) {
	s := &skipper{TB: t}
	if Require(s, "no such file"); !s.skipped {
		t.Error("went on without the data")
	}
}
