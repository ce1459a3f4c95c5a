// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Command with-control-plane runs a command while a control plane is running
// that all tests of the command share, and ends with the command's exit code:
//
//	with-control-plane go test ./...
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/assay-dev/assay/test/controlplane"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	code, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "with-control-plane:", err)
	}
	os.Exit(code) //nolint:gocritic // nothing is left to cancel
}

// run returns the command's exit code, or 1 with an error.
func run(ctx context.Context, command []string) (code int, err error) {
	if len(command) == 0 {
		return 1, errors.New("usage: with-control-plane COMMAND [ARGUMENT...]")
	}
	dir, err := os.MkdirTemp("", "assay-control-plane-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c, err := controlplane.Start(ctx, controlplane.Options{Dir: dir, Controllers: controlplane.SharedControllers()})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, c.Stop(context.WithoutCancel(ctx))) }()

	child := exec.CommandContext(ctx, command[0], command[1:]...)
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	child.Env = append(os.Environ(), controlplane.SharedEnv+"="+c.Kubeconfig())
	if err := child.Run(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return max(exit.ExitCode(), 1), nil
		}
		return 1, err
	}
	return 0, nil
}
