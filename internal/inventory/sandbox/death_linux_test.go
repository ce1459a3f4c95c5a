// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// parent is a process that indexes with a child that never ends. When the child is busy it says the child's process id.
func parent(program, scratch string) {
	x, err := New(Options{Program: program, ScratchDir: scratch, Logger: slog.New(slog.DiscardHandler)})
	check(err)
	source := sourceOf("layer")
	source.OpenLayer = func(context.Context, int) (io.ReadCloser, error) {
		for {
			found, _ := filepath.Glob(filepath.Join(scratch, scratchPrefix+"*", "pid"))
			if len(found) == 1 {
				if pid, err := os.ReadFile(found[0]); err == nil && len(pid) > 0 {
					fmt.Println(string(pid))
					return io.NopCloser(zeros{}), nil
				}
			}
		}
	}
	_, err = x.Index(context.Background(), source)
	check(err)
}

func TestAKilledParentTakesItsChildAlong(t *testing.T) {
	scratch := t.TempDir()
	command := exec.CommandContext(t.Context(), program(t, "parent"), program(t, "hangs"), scratch)
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(line[:len(line)-1])
	if err != nil {
		t.Fatal(err)
	}
	child, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(child) }()

	// While the parent lives, nobody takes its folder for a leftover.
	if err := removeLeftovers(scratch); err != nil {
		t.Fatal(err)
	}
	if busy, err := filepath.Glob(filepath.Join(scratch, scratchPrefix+"*", "pid")); err != nil || len(busy) != 1 {
		t.Errorf("in the scratch folder of a living parent: %v %v", busy, err)
	}

	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait() // it says that the process was killed
	const patience = 30_000
	ended := []unix.PollFd{{Fd: int32(child), Events: unix.POLLIN}}
	if n, err := unix.Poll(ended, patience); n != 1 {
		t.Errorf("the child lives on: %v", err)
	}
	newIndexer(t, "good", Options{ScratchDir: scratch}).Close()
	wantEmpty(t, scratch)
}
