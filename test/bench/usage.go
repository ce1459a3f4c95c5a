// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// sampleEvery is how often the memory of processes is read.
	sampleEvery = 10 * time.Millisecond
	// ticksPerSecond is the unit of times in proc_pid_stat(5). It is 100 on every architecture that Linux's user space knows.
	ticksPerSecond = 100
	mebibyte       = 1 << 20
)

// usage is what something cost.
type usage struct {
	wall time.Duration
	// cpu is the processor time, of the user and of the system, of the process and its children.
	cpu time.Duration
	// peak is the most memory in bytes that the process and its children had at one moment, including what is mapped from files.
	// What several of them share counts once (proportional set size).
	peak int64
	// prepared is the same while Assay makes itself ready for the next image.
	prepared int64
}

// meter measures a process and its children while it runs.
type meter struct {
	pid   int
	began time.Time
	cpu   time.Duration
	stop  context.CancelFunc
	done  sync.WaitGroup
	peak  int64
}

// startMeter begins to measure. What the process used before does not count.
func startMeter(ctx context.Context, pid int) (*meter, error) {
	m := &meter{pid: pid}
	var err error
	if m.cpu, err = processorTime(pid); err != nil {
		return nil, err
	}
	ctx, m.stop = context.WithCancel(ctx)
	m.began = time.Now()
	m.done.Go(func() { m.sample(ctx) })
	return m, nil
}

// sample reads memory until ctx is done.
func (m *meter) sample(ctx context.Context) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		var now int64
		for _, pid := range append(children(m.pid), m.pid) {
			if share, err := memory(pid, "smaps_rollup", "Pss"); err == nil { // else it is gone
				now += share
			}
		}
		m.peak = max(m.peak, now)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// end ends measuring a process that still runs.
func (m *meter) end() (usage, error) {
	wall := time.Since(m.began)
	cpu, err := processorTime(m.pid)
	return m.total(wall, cpu-m.cpu), err
}

func (m *meter) total(wall, cpu time.Duration) usage {
	m.stop()
	m.done.Wait()
	return usage{wall: wall, cpu: cpu, peak: m.peak}
}

// peakFor is the peak of a process and its children in the time to come, in bytes.
func peakFor(ctx context.Context, pid int, duration time.Duration) (int64, error) {
	m, err := startMeter(ctx, pid)
	if err != nil {
		return 0, err
	}
	if err := wait(ctx, duration); err != nil {
		return 0, err
	}
	u, err := m.end()
	return u.peak, err
}

// measureCommand runs a command to its end and measures it.
func measureCommand(ctx context.Context, command *exec.Cmd) (usage, error) {
	var stderr strings.Builder
	command.Stderr = &stderr
	began := time.Now()
	if err := command.Start(); err != nil {
		return usage{}, err
	}
	m, err := startMeter(ctx, command.Process.Pid)
	if err != nil {
		return usage{}, errors.Join(err, command.Process.Kill(), command.Wait())
	}
	err = command.Wait()
	u := m.total(time.Since(began), command.ProcessState.UserTime()+command.ProcessState.SystemTime())
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", filepath.Base(command.Path), err, stderr.String())
	}
	return u, err
}

// processorTime is that of a process and of its children that ended.
func processorTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(procFile(pid, "stat"))
	if err != nil {
		return 0, err
	}
	// After the name, which may hold anything, fields 14 to 17 are utime, stime, cutime and cstime (proc_pid_stat(5)).
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var ticks int64
	for _, field := range fields[11:15] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

// memory reads a field of proc_pid_status(5) or of proc_pid_smaps(5), in bytes.
func memory(pid int, file, field string) (int64, error) {
	status, err := os.ReadFile(procFile(pid, file))
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(status), "\n"+field+":")
	if !found {
		return 0, fmt.Errorf("process %d has no %s", pid, field)
	}
	var kilobytes int64
	if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
		return 0, err
	}
	return kilobytes << 10, nil
}

// children are those of all threads of a process.
func children(pid int) []int {
	lists, _ := filepath.Glob(procFile(pid, "task/*/children")) // the pattern is well formed
	var pids []int
	for _, list := range lists {
		content, err := os.ReadFile(list)
		if err != nil {
			continue // the thread is gone
		}
		for _, field := range strings.Fields(string(content)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// child is the process that this one started from a program with this name.
func child(program string) (int, error) {
	for _, pid := range children(os.Getpid()) {
		path, err := os.Readlink(procFile(pid, "exe"))
		if err == nil && filepath.Base(path) == program {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("%s does not run", program)
}

func procFile(pid int, name string) string { return filepath.Join("/proc", strconv.Itoa(pid), name) }
