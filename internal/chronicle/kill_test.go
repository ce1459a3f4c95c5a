// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package chronicle_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/assay-dev/assay/internal/chronicle"
	"github.com/assay-dev/assay/internal/evidence"
)

// writeInto names the folder that the test binary, started anew as a child, writes into until it is killed; writeFrom the first
// number that it writes.
const (
	writeInto = "ASSAY_TEST_WRITE_INTO"
	writeFrom = "ASSAY_TEST_WRITE_FROM"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(writeInto); dir != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// numbered is the n-th of the child's findings, and when it was seen.
func numbered(n int) ([]evidence.Finding, time.Time) {
	return []evidence.Finding{{ID: fmt.Sprintf("CVE-2026-%d", n), PURL: "pkg:npm/" + strings.Repeat("a", n*37%400)}},
		noon.Add(time.Duration(n) * time.Second)
}

// writeUntilKilled is the child: one finding after the other is dated, and it says so afterwards. So that the log is compacted again and
// again, an entry of its own becomes earlier all the time.
func writeUntilKilled(dir string) error {
	var first int
	if _, err := fmt.Sscan(os.Getenv(writeFrom), &first); err != nil {
		return err
	}
	clock := clocktesting.NewFakePassiveClock(noon)
	c, err := chronicle.Open(context.Background(), dir, clock)
	if err != nil {
		return err
	}
	for n := first; ; n++ {
		again := make([]chronicle.Entry, 700)
		for i := range again {
			again[i] = chronicle.Entry{ID: "CVE-2020-1", Package: "x", FirstSeen: noon.Add(-time.Duration(n*700+i+1) * time.Second)}
		}
		if _, err := c.Merge(context.Background(), again); err != nil {
			return err
		}
		findings, at := numbered(n)
		clock.SetTime(at)
		if err := c.Date(context.Background(), findings); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// TestKilledInTheMiddleOfAWrite: a process is killed with SIGKILL while it writes and compacts, again and again on the same folder;
// whatever it said that it had seen is still known, with its time.
func TestKilledInTheMiddleOfAWrite(t *testing.T) {
	dir := t.TempDir()
	next, halves := 0, 0
	for round := range 20 {
		said := killAfter(t, dir, next, 1+round*7%23)
		if log, err := os.ReadFile(filepath.Join(dir, "chronicle.log")); err == nil && len(log) > 0 && log[len(log)-1] != '\n' {
			halves++
		}
		if _, err := os.Stat(filepath.Join(dir, "chronicle.tmp")); err == nil {
			halves++
		}
		clock := clocktesting.NewFakePassiveClock(noon.Add(1000 * time.Hour))
		c, err := chronicle.Open(t.Context(), dir, clock)
		if err != nil {
			t.Fatal(err)
		}
		for n := range said + 1 {
			findings, at := numbered(n)
			if err := c.Date(t.Context(), findings); err != nil {
				t.Fatal(err)
			}
			if !findings[0].FirstSeen.Equal(at) {
				t.Errorf("round %d: number %d was first seen %v, want %v", round, n, findings[0].FirstSeen, at)
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		next = said + 1
	}
	t.Logf("20 kills, after %d findings, left %d files half written", next, halves)
}

// killAfter starts the child, kills it when it has said so many lines, and returns the last number that it said.
func killAfter(t *testing.T, dir string, first, lines int) (last int) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), writeInto+"="+dir, fmt.Sprintf("%s=%d", writeFrom, first))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	last = first - 1
	scanner := bufio.NewScanner(out)
	for count := 0; scanner.Scan(); count++ {
		if _, err := fmt.Sscan(scanner.Text(), &last); err != nil {
			t.Fatal(err)
		}
		if count == lines {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || last < first {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return last
}
