// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package process starts the programs that tests and the demo run, and makes
// sure that none is left behind: an attached program is ended by the kernel
// when its starter ends, a detached one is recorded in a file by which exactly
// that process, and no later one with the same number, can be stopped.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// logTail is how many bytes of the end of a log are quoted when a program ended early.
const logTail = 2048

// Spec says what to run.
type Spec struct {
	// Name of the process, unique among those that run in its group; the log is <group's folder>/<Name>.log.
	Name string
	Path string
	Args []string
	// Env is the whole environment as "key=value"; nil is the caller's own.
	Env []string
	// Dir is the working directory; empty is the group's folder.
	Dir string
}

// Process is a running program.
type Process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended; valid once done is closed
}

// start runs spec with its output appended to the log file. A detached process
// becomes the leader of a session of its own; an attached one of a process
// group, so that an interrupt at the terminal reaches its starter alone.
func start(spec Spec, log string, detached bool) (*Process, error) {
	output, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = output.Close() }()

	cmd := exec.Command(spec.Path, spec.Args...) //nolint:noctx // it lives until its group is stopped, whatever started it
	cmd.Env, cmd.Dir = spec.Env, spec.Dir
	if cmd.Dir == "" {
		cmd.Dir = filepath.Dir(log)
	}
	cmd.Stdout, cmd.Stderr = output, output
	if detached {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	} else {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	}

	p := &Process{name: spec.Name, log: log, cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", spec.Name, err)
	}
	return p, nil
}

// run starts the program and waits for its end. It holds its thread meanwhile:
// the kernel sends the parent-death signal when the starting thread ends.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	close(p.done)
}

// ID is the process's number.
func (p *Process) ID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err tells how the process ended, with the end of its log; nil while it runs.
func (p *Process) Err() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%s ended: %s; the end of %s:\n%s", p.name, how, p.log, tail(p.log))
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cannot kill %s: %w", p.name, err)
	}
	<-p.done
	return nil
}

// Stop asks the process to end, and kills it when ctx is done first.
func (p *Process) Stop(ctx context.Context) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cannot stop %s: %w", p.name, err)
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return p.Kill()
	}
}

// tail returns the last bytes of a log, or why they cannot be read.
func tail(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(content[max(0, len(content)-logTail):]))
}
