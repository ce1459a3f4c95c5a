// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
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
	// waitDelay is how long the pipes of a child that ended may stay open: it may have left a copy of itself that holds them.
	waitDelay = 2 * time.Second
)

// child is a process that indexes one image.
type child struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	stdout  capped
	stderr  capped
	limits  wire.Limits
}

// startChild starts a child that is killed when ctx or this process ends.
func startChild(ctx context.Context, program, scratch string, limits wire.Limits) (*child, error) {
	c := &child{
		command: exec.CommandContext(ctx, program),
		stdout:  capped{limit: int(limits.ResultBytes), refuse: true},
		stderr:  capped{limit: maxStderr},
		limits:  limits,
	}
	c.command.Env = []string{} // nil would be this process's
	c.command.Dir = scratch
	c.command.Stdout, c.command.Stderr = &c.stdout, &c.stderr
	c.command.SysProcAttr = attributes()
	c.command.WaitDelay = waitDelay
	keepFiles()
	var err error
	if c.stdin, err = c.command.StdinPipe(); err != nil {
		return nil, err
	}
	if err := c.command.Start(); err != nil {
		return nil, err
	}
	return c, nil
}

// feed tells the child all that it has to know. An error is one of openLayer or of its readers; when the child goes away in
// the middle there is none, and its end says why.
func (c *child) feed(ctx context.Context, request wire.Request, img wire.Image,
	openLayer func(context.Context, int) (io.ReadCloser, error)) error {
	defer c.stdin.Close()
	// Nobody may be left to read, and the pipe be open all the same.
	stop := context.AfterFunc(ctx, func() { c.stdin.Close() })
	defer stop()
	w := wire.NewWriter(c.stdin)
	if w.WriteMessage(request) != nil || w.WriteMessage(img) != nil {
		return nil
	}
	for _, index := range img.Distinct() {
		layer, err := openLayer(ctx, index)
		if err != nil {
			return err
		}
		gone, err := pipe(w, layer)
		layer.Close()
		if gone || err != nil {
			return err
		}
	}
	return nil
}

// pipe sends a layer and says whether the child is gone. The error is the layer's. A layer that was begun is read to its end
// even if nobody listens: only there it shows whether the registry sent what the digest says, and a registry that lies must
// not pass for a layer that is malformed.
func pipe(w *wire.Writer, layer io.Reader) (gone bool, err error) {
	err = w.WriteStream(layer)
	var read *wire.ReadError
	if errors.As(err, &read) {
		return false, read.Err
	}
	if err == nil {
		return false, nil
	}
	_, err = io.Copy(io.Discard, layer)
	return true, err
}

func (c *child) kill() {
	_ = c.command.Process.Kill() // it may have ended by itself
}

// wait returns what the child answered, or why it did not. The error wraps one of inventory's.
func (c *child) wait() (wire.Result, error) {
	err := c.command.Wait()
	if c.stdout.overflowed {
		return wire.Result{}, fmt.Errorf("%w: the result has more than %s", inventory.ErrOverLimit, wire.Size(c.limits.ResultBytes))
	}
	if c.command.ProcessState == nil {
		return wire.Result{}, fmt.Errorf("%w: %w", inventory.ErrFailed, err)
	}
	if !c.command.ProcessState.Success() {
		return wire.Result{}, causeOfDeath(c.command.ProcessState, c.stderr.kept.Bytes(), c.limits)
	}
	var result wire.Result
	if err := json.Unmarshal(c.stdout.kept.Bytes(), &result); err != nil {
		return wire.Result{}, fmt.Errorf("%w: the indexer's answer cannot be read; are all programs of one version?", inventory.ErrFailed)
	}
	return result, nil
}

// lastWords is the beginning of what the child wrote to its standard error, for the log. Where parsers crash, an image may
// have written some of it.
func (c *child) lastWords() string {
	return evidence.Printable(c.stderr.kept.String(), maxLastWords)
}

// capped keeps the first bytes that are written to it. Of the rest it either takes no notice, or refuses it. It is no
// bytes.Buffer, which would let io.Copy past its limit.
type capped struct {
	kept       bytes.Buffer
	limit      int
	refuse     bool
	overflowed bool
}

var errCapped = errors.New("too much")

// Write implements [io.Writer].
func (b *capped) Write(p []byte) (int, error) {
	room := p[:min(len(p), b.limit-b.kept.Len())]
	b.kept.Write(room)
	if len(room) == len(p) {
		return len(p), nil
	}
	b.overflowed = true
	if b.refuse {
		return len(room), errCapped
	}
	return len(p), nil
}
