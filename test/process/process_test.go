// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package process_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assay-dev/assay/test/process"
)

// sleeper runs until it is ended; stubborn does not listen when it is asked to.
var (
	sleeper  = process.Spec{Name: "sleeper", Path: "/bin/sh", Args: []string{"-c", "echo started; exec sleep 600"}}
	stubborn = process.Spec{Name: "stubborn", Path: "/bin/sh", Args: []string{"-c", "trap '' TERM; echo started; while :; do sleep 1; done"}}
)

func TestStopLeavesNoProcess(t *testing.T) {
	for name, newGroup := range map[string]func(string) (*process.Group, error){
		"a group that ends with its starter": process.NewGroup,
		"a group that outlives its starter":  process.NewDetachedGroup,
	} {
		t.Run(name, func(t *testing.T) {
			group, err := newGroup(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			p := start(t, group, sleeper)
			if err := group.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			assertGone(t, p.ID())
		})
	}
}

func TestStopKillsWhatDoesNotListen(t *testing.T) {
	dir := t.TempDir()
	group, err := process.NewGroup(dir)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, group, stubborn)
	waitForLog(t, filepath.Join(dir, "stubborn.log"), "started")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Stop(over); err != nil {
		t.Error(err)
	}
	assertGone(t, p.ID())
}

func TestStopDetachedEndsExactlyWhatWasRecorded(t *testing.T) {
	dir := t.TempDir()
	group, err := process.NewDetachedGroup(dir)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, group, sleeper)

	if _, err := process.NewDetachedGroup(dir); err == nil || !strings.Contains(err.Error(), "still running") {
		t.Errorf("a second group in the folder: got error %v, want one that says what is still running", err)
	}
	stopped, err := process.StopDetached(t.Context(), dir)
	if err != nil || stopped != 1 {
		t.Errorf("got %d, %v, want 1 process stopped", stopped, err)
	}
	assertGone(t, p.ID())

	stopped, err = process.StopDetached(t.Context(), dir)
	if err != nil || stopped != 0 {
		t.Errorf("the second time: got %d, %v, want nothing to stop", stopped, err)
	}
}

func TestStopDetachedSparesAProcessThatGotTheNumberLater(t *testing.T) {
	dir := t.TempDir()
	group, err := process.NewGroup(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, group, sleeper)
	record := fmt.Sprintf(`[{"name": "earlier", "id": %d, "startTime": "1"}]`, p.ID())
	if err := os.WriteFile(filepath.Join(dir, "processes.json"), []byte(record), 0o600); err != nil {
		t.Fatal(err)
	}
	if stopped, err := process.StopDetached(t.Context(), dir); err != nil || stopped != 0 {
		t.Errorf("got %d, %v, want nothing stopped", stopped, err)
	}
	if err := p.Err(); err != nil {
		t.Errorf("the later process: %v", err)
	}
}

func TestErrQuotesTheLog(t *testing.T) {
	group, err := process.NewGroup(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, group, process.Spec{Name: "failing", Path: "/bin/sh", Args: []string{"-c", "echo no such flag >&2; exit 3"}})
	<-p.Done()
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no such flag") {
		t.Errorf("got %v, want the exit status and the end of the log", err)
	}
}

// TestProcessesEndWithTheirStarter runs this test binary as the starter and kills it.
func TestProcessesEndWithTheirStarter(t *testing.T) {
	dir := t.TempDir()
	if os.Getenv("TEST_STARTER_DIR") != "" {
		beStarter(t, os.Getenv("TEST_STARTER_DIR"))
	}
	starter := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcessesEndWithTheirStarter$")
	starter.Env = append(os.Environ(), "TEST_STARTER_DIR="+dir)
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := strconv.Atoi(waitForLog(t, filepath.Join(dir, "id"), "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := starter.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = starter.Wait()
	assertGone(t, id)
}

func beStarter(t *testing.T, dir string) {
	group, err := process.NewGroup(dir)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, group, sleeper)
	if err := os.WriteFile(filepath.Join(dir, "id"), []byte(strconv.Itoa(p.ID())+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	<-t.Context().Done()
}

func start(t *testing.T, group *process.Group, spec process.Spec) *process.Process {
	t.Helper()
	p, err := group.Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// waitForLog returns the trimmed content of a file once it holds want.
func waitForLog(t *testing.T, path, want string) string {
	t.Helper()
	return eventually(t, path+" to hold "+strconv.Quote(want), func() (string, bool) {
		content, _ := os.ReadFile(path)
		return strings.TrimSpace(string(content)), strings.Contains(string(content), want)
	})
}

// assertGone fails the test unless the process is gone soon; a process that
// nobody has collected the exit status of counts as gone.
func assertGone(t *testing.T, id int) {
	t.Helper()
	eventually(t, fmt.Sprintf("process %d to be gone", id), func() (string, bool) {
		if errors.Is(syscall.Kill(id, 0), syscall.ESRCH) {
			return "", true
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id))
		return "", err != nil || strings.Contains(string(stat), ") Z ")
	})
}

func eventually(t *testing.T, what string, check func() (string, bool)) string {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		value, ok := check()
		if ok {
			return value
		}
		select {
		case <-tick.C:
		case <-deadline.Done():
			t.Fatalf("waited too long for %s", what)
		}
	}
}
