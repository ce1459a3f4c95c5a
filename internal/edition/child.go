// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package edition

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Limits of the child. A database of two gigabytes takes it some ten seconds of CPU; pages that it maps are the kernel's to drop.
const (
	deadline      = 5 * time.Minute
	memoryLimit   = 1 << 30 // bytes of data; a mapped file does not count
	maxAnswerSize = 4 << 10 // bytes
)

// answer is what the child writes to its standard output as JSON.
type answer struct {
	Result
	// Problem is set when the edition is unusable, Failure when the child could not find out.
	Problem string `json:"problem,omitempty"`
	Failure string `json:"failure,omitempty"`
}

// RunIfAsked checks an edition and ends the process if the arguments (os.Args) ask for it, and returns otherwise. Every
// program that has a Keeper, and the TestMain of every such test, calls it before it does anything else.
func (f Form) RunIfAsked(args []string) {
	if len(args) != 3 || args[1] != f.Command {
		return
	}
	limit(syscall.RLIMIT_DATA, memoryLimit)
	limit(syscall.RLIMIT_CPU, uint64(deadline/time.Second))
	result, err := f.look(args[2])
	reply := answer{Result: result}
	switch {
	case errors.Is(err, ErrUnusable):
		reply.Problem = err.Error()
	case err != nil:
		reply.Failure = err.Error()
	}
	if json.NewEncoder(os.Stdout).Encode(reply) != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// limit sets a limit of this process. A process that already lives under a lower one keeps that.
func limit(resource int, value uint64) {
	_ = syscall.Setrlimit(resource, &syscall.Rlimit{Cur: value, Max: value})
}

// check checks the edition in a folder in a child process, which is this program run anew: a database that is truncated or
// made to do harm can end who reads it, from which nothing recovers.
func (f Form) check(ctx context.Context, folder string) (Result, error) {
	program, err := os.Executable()
	if err != nil {
		return Result{}, f.unchecked(err)
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	output, err := run(exec.CommandContext(ctx, program, f.Command, folder))
	if ctx.Err() != nil {
		return Result{}, f.unchecked(ctx.Err())
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && killed(exit.ProcessState):
		return Result{}, f.unchecked(errors.New(
			"the check was killed from outside; the memory of the node or container may be too small"))
	case errors.As(err, &exit):
		return Result{}, f.Unusable("%s is damaged: reading it ended the process that checked it", f.File)
	case err != nil:
		return Result{}, f.unchecked(err)
	}
	return f.parseAnswer(output)
}

func (f Form) unchecked(err error) error {
	return fmt.Errorf("could not check the %s: %w", f.Name, err)
}

// killed says that somebody else ended the child, such as the kernel for want of memory, and not what it read. Who reads for
// longer than the limit of CPU time is killed as well.
func killed(child *os.ProcessState) bool {
	status, ok := child.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL && child.UserTime()+child.SystemTime() < deadline-time.Second
}

// run starts the child without an environment and returns what it wrote.
func run(command *exec.Cmd) ([]byte, error) {
	command.Env = []string{}
	command.WaitDelay = time.Second
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	output, readErr := io.ReadAll(io.LimitReader(stdout, maxAnswerSize))
	if err := command.Wait(); err != nil {
		return nil, err
	}
	return output, readErr
}

func (f Form) parseAnswer(output []byte) (Result, error) {
	var reply answer
	switch err := json.Unmarshal(output, &reply); {
	case err != nil:
		return Result{}, f.unchecked(errors.New("the program does not answer to " + f.Command))
	case reply.Problem != "":
		return Result{}, &unusable{text: reply.Problem}
	case reply.Failure != "":
		return Result{}, f.unchecked(errors.New(reply.Failure))
	case reply.Digest == "" || reply.UpdatedAt.IsZero():
		return Result{}, f.unchecked(errors.New("the check gave no result"))
	}
	return reply.Result, nil
}

func digestOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
