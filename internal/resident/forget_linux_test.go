// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package resident

import (
	"fmt"
	"os"
	"testing"
)

func TestForgetStart(t *testing.T) {
	mapped := func() (pages int64) {
		// The third number of proc_pid_statm(5) is what is there of files.
		statm, err := os.ReadFile("/proc/self/statm")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(string(statm), new(int64), new(int64), &pages); err != nil {
			t.Fatal(err)
		}
		return pages
	}
	before := mapped()
	ForgetStart()
	if after := mapped(); after >= before {
		t.Errorf("%d pages of files before, and %d after", before, after)
	}
}
