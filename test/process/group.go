// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// stopGrace is how long a process has to end by itself once it was asked to.
const stopGrace = 10 * time.Second

// Group is a set of processes with their logs in one folder.
type Group struct {
	dir      string
	detached bool

	mu        sync.Mutex
	processes []*Process // in the order of their start
}

// NewGroup returns a group whose processes end with the caller's. The folder is made if it is missing.
func NewGroup(dir string) (*Group, error) { return newGroup(dir, false) }

// NewDetachedGroup returns a group whose processes outlive the caller's and
// are ended by StopDetached with the same folder. It is an error if processes
// of an earlier group in that folder are still running.
func NewDetachedGroup(dir string) (*Group, error) {
	alive, err := readRecords(dir)
	if err != nil {
		return nil, err
	}
	for _, r := range alive {
		if r.running() {
			return nil, fmt.Errorf("%s (process %d) is still running in %s: stop it first", r.Name, r.ID, dir)
		}
	}
	return newGroup(dir, true)
}

func newGroup(dir string, detached bool) (*Group, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &Group{dir: dir, detached: detached}, nil
}

// Start runs a program.
func (g *Group) Start(spec Spec) (*Process, error) {
	g.mu.Lock()
	defer g.mu.Unlock()

	p, err := start(spec, filepath.Join(g.dir, spec.Name+".log"), g.detached)
	if err != nil {
		return nil, err
	}
	g.processes = append(g.processes, p)
	if g.detached {
		if err := g.record(); err != nil {
			return nil, errors.Join(err, p.Kill())
		}
	}
	return p, nil
}

// record writes down every process of the group that has not ended.
func (g *Group) record() error {
	var records []record
	for _, p := range g.processes {
		if r, err := newRecord(p.name, p.ID()); err == nil { // an error: it is gone
			records = append(records, r)
		}
	}
	return writeRecords(g.dir, records)
}

// Stop ends all processes, the last started first.
func (g *Group) Stop(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()

	var errs []error
	for _, p := range slices.Backward(g.processes) {
		grace, cancel := context.WithTimeout(ctx, stopGrace)
		errs = append(errs, p.Stop(grace))
		cancel()
	}
	g.processes = nil
	if g.detached {
		errs = append(errs, removeRecords(g.dir))
	}
	return errors.Join(errs...)
}

// StopDetached ends the processes that a detached group with this folder
// started, the last started first, and returns how many were still running. A
// folder without such a group is no error.
func StopDetached(ctx context.Context, dir string) (int, error) {
	records, err := readRecords(dir)
	if err != nil {
		return 0, err
	}
	stopped := 0
	for _, r := range slices.Backward(records) {
		ended, err := r.stop(ctx)
		if err != nil {
			return stopped, err
		}
		if ended {
			stopped++
		}
	}
	return stopped, removeRecords(dir)
}
