// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

const (
	// maxStderr bounds what is kept of a child's standard error, in bytes: the reason comes first there.
	maxStderr = 16 << 10
	// maxLastWords bounds what is logged of it.
	maxLastWords = 4 << 10
	// waitDelay is how long the standard error of a child that ended may stay open: it may have left a copy of itself that
	// holds it.
	waitDelay = 2 * time.Second
)

// child is a process that indexes one image, or waits for one.
type child struct {
	command *exec.Cmd
	scratch scratch
	limits  wire.Limits
	stdin   *os.File // where this process writes
	stdout  *os.File // where this process reads
	to      *wire.Writer
	from    *wire.Reader
	stderr  capped
	// gone is closed when the process has ended and nothing is left of it.
	gone chan struct{}
}

// startChild starts a child that is killed when this process ends. It is told all that is to know before it gets an image.
func (x *Indexer) startChild() (*child, error) {
	scratch, err := newScratch(x.options.ScratchDir)
	if err != nil {
		return nil, fmt.Errorf("%w: cannot make a scratch folder: %w", inventory.ErrFailed, withoutPath(err))
	}
	c := &child{
		scratch: scratch, limits: ofChild(x.options.Limits), stderr: capped{limit: maxStderr}, gone: make(chan struct{}),
	}
	if err := c.start(x.options.Program, x.options.Logger); err != nil {
		scratch.remove(x.options.Logger)
		return nil, fmt.Errorf("%w: cannot start the indexer: %w", inventory.ErrFailed, withoutPath(err))
	}
	// An error means that the child is gone, which shows when it is asked for something.
	_ = c.to.WriteMessage(wire.Request{Version: wire.Version, Scratch: scratch.path, Limits: c.limits})
	return c, nil
}

func (c *child) start(program string, logger *slog.Logger) error {
	theirIn, ourIn, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirIn.Close() //nolint:errcheck // the child has its own
	ourOut, theirOut, err := os.Pipe()
	if err != nil {
		return errors.Join(err, ourIn.Close())
	}
	defer theirOut.Close() //nolint:errcheck // the child has its own
	widen(ourIn)
	c.stdin, c.stdout, c.to, c.from = ourIn, ourOut, wire.NewWriter(ourIn), wire.NewReader(ourOut)
	c.command = &exec.Cmd{
		Path: program, Args: []string{program}, Env: []string{}, // nil would be this process's
		Dir: c.scratch.path, Stdin: theirIn, Stdout: theirOut, Stderr: &c.stderr,
		SysProcAttr: attributes(), WaitDelay: waitDelay,
	}
	keepFiles()
	started := make(chan error)
	go c.live(started, logger)
	if err := <-started; err != nil {
		return errors.Join(err, ourIn.Close(), ourOut.Close())
	}
	return nil
}

// live is the life of the process. The kernel kills it when the thread that started it ends, which is then not before.
func (c *child) live(started chan<- error, logger *slog.Logger) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := c.command.Start()
	started <- err
	if err != nil {
		return
	}
	defer close(c.gone)
	_ = c.command.Wait() // the state says more
	c.scratch.remove(logger)
}

// hangUp ends the conversation in both directions: nobody may be left at the other end, and the pipe be open all the same.
func (c *child) hangUp() {
	_ = c.stdin.Close() // twice is once
	_ = c.stdout.Close()
}

// end kills the process if it still runs, without waiting for it.
func (c *child) end() {
	_ = c.command.Process.Kill() // it may have ended by itself
	c.hangUp()
}

// isGone says that the process has ended by itself.
func (c *child) isGone() bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}

// lastWords is the beginning of what a child that is gone wrote to its standard error, for the log. Where parsers crash, an
// image may have written some of it.
func (c *child) lastWords() string {
	return evidence.Printable(c.stderr.kept.String(), maxLastWords)
}

// capped keeps the first bytes that are written to it and takes no notice of the rest. It is no bytes.Buffer, which would let
// io.Copy past its limit.
type capped struct {
	kept  bytes.Buffer
	limit int
}

// Write implements [io.Writer].
func (b *capped) Write(p []byte) (int, error) {
	b.kept.Write(p[:min(len(p), b.limit-b.kept.Len())])
	return len(p), nil
}
