// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// recordFile holds a detached group's processes in the order of their start.
const recordFile = "processes.json"

// record names one process for good: the system gives its number to another
// process later, but not together with the same start time.
type record struct {
	Name string `json:"name"`
	ID   int    `json:"id"`
	// StartTime is field 22 of /proc/<ID>/stat: clock ticks since the system started.
	StartTime string `json:"startTime"`
}

func newRecord(name string, id int) (record, error) {
	started, err := startTime(id)
	return record{Name: name, ID: id, StartTime: started}, err
}

// running tells whether the recorded process, and not one that got its number, runs.
func (r record) running() bool {
	started, err := startTime(r.ID)
	return err == nil && started == r.StartTime
}

// stop ends the process if it runs, and tells whether it did.
func (r record) stop(ctx context.Context) (bool, error) {
	process, err := os.FindProcess(r.ID) // holds on to this very process where the kernel has pidfds
	if err != nil {
		return false, err
	}
	defer func() { _ = process.Release() }()
	if !r.running() {
		return false, nil
	}
	grace, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return false, fmt.Errorf("cannot stop %s: %w", r.Name, err)
		}
		if r.waitForEnd(grace) == nil {
			return true, nil
		}
		grace = ctx
	}
	return false, fmt.Errorf("%s (process %d) does not end", r.Name, r.ID)
}

// waitForEnd returns when the process is gone. It looks often: nobody but its
// parent is told of a process's end.
func (r record) waitForEnd(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for r.running() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// startTime returns when a process started, or an error if there is none with
// this number or only its exit status is left of it.
func startTime(id int) (string, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(id), "stat"))
	if err != nil {
		return "", err
	}
	// The second field is the program's name in parentheses and may hold anything.
	_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
	fields := strings.Fields(rest) // from field 3, the state, on
	if len(fields) < 20 || fields[0] == "Z" {
		return "", fs.ErrNotExist
	}
	return fields[19], nil
}

func readRecords(dir string) ([]record, error) {
	content, err := os.ReadFile(filepath.Join(dir, recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var records []record
	if err := json.Unmarshal(content, &records); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, recordFile), err)
	}
	return records, nil
}

// writeRecords replaces the file at once: a caller that is killed meanwhile loses no record.
func writeRecords(dir string, records []record) error {
	content, err := json.MarshalIndent(records, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, recordFile)
	if err := os.WriteFile(path+".new", append(content, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func removeRecords(dir string) error {
	if err := os.Remove(filepath.Join(dir, recordFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
