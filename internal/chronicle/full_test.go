// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package chronicle

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/assay-dev/assay/internal/evidence"
)

// TestADiskThatCannotBeWritten: what was seen before goes on, what is new is not known until it is written, and then with the time
// of the first look.
func TestADiskThatCannotBeWritten(t *testing.T) {
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	dir, clock := t.TempDir(), clocktesting.NewFakePassiveClock(noon)
	c, err := Open(t.Context(), dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	date := func(id string) (time.Time, error) {
		findings := []evidence.Finding{{ID: id, Package: "openssl"}}
		err := c.Date(t.Context(), findings)
		return findings[0].FirstSeen, err
	}
	if _, err := date("CVE-2026-1"); err != nil {
		t.Fatal(err)
	}
	writable := c.disk.file
	if c.disk.file, err = os.Open(filepath.Join(dir, logName)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		clock.SetTime(clock.Now().Add(time.Hour))
		if got, err := date("CVE-2026-1"); err != nil || !got.Equal(noon) {
			t.Errorf("what was seen before: %v, %v", got, err)
		}
		if _, err := date("CVE-2026-2"); err == nil {
			t.Error("what cannot be written is known")
		}
	}
	if err := errors.Join(c.disk.file.Close(), func() error { c.disk.file = writable; return nil }()); err != nil {
		t.Fatal(err)
	}
	if got, err := date("CVE-2026-2"); err != nil || !got.Equal(noon.Add(time.Hour)) {
		t.Errorf("when it can be written again: %v, %v", got, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err = Open(t.Context(), dir, clock); err != nil {
		t.Fatal(err)
	}
	if got, err := date("CVE-2026-2"); err != nil || !got.Equal(noon.Add(time.Hour)) {
		t.Errorf("after a restart: %v, %v", got, err)
	}
}

func TestErrorsOfTheDisk(t *testing.T) {
	for want, err := range map[string]error{
		evidence.ErrFull.Error():                        &fs.PathError{Op: "write", Path: "/var/lib/assay/chronicle.log", Err: syscall.ENOSPC},
		"write the chronicle: sync: input/output error": &fs.PathError{Op: "sync", Path: "/var/lib/assay/chronicle.log", Err: syscall.EIO},
	} {
		if got := explain(err); got.Error() != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if explain(nil) != nil {
		t.Error("nothing is an error")
	}
}
