// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Password protects the private key of the story. It is no secret: the key signs the images of one world.
const Password = "assay"

// KeyPair is the pair of files that cosign generate-key-pair writes.
type KeyPair struct {
	// Private and Public are the paths of cosign.key and cosign.pub.
	Private, Public string
}

// generateKeys makes a key pair in the world's folder.
func generateKeys(ctx context.Context, w *World) (KeyPair, error) {
	pair := KeyPair{Private: filepath.Join(w.dir, "cosign.key"), Public: filepath.Join(w.dir, "cosign.pub")}
	_, err := w.Cosign(ctx, "generate-key-pair", "--output-key-prefix=cosign")
	return pair, err
}

// Sign signs an image by its digest, as anybody would by hand.
func (w *World) Sign(ctx context.Context, image string) error {
	_, err := w.Cosign(ctx, "sign", "--key="+w.Keys.Private, "--tlog-upload=false", "--yes", image)
	return err
}

// Cosign runs the cosign command and returns what it wrote.
func (w *World) Cosign(ctx context.Context, args ...string) (string, error) {
	return w.run(ctx, "clients/cosign", []string{"COSIGN_PASSWORD=" + Password}, args)
}

// Kubectl runs the kubectl command as the administrator and returns what it wrote to its output; what it wrote to its standard
// error is in the error.
func (w *World) Kubectl(ctx context.Context, args ...string) (string, error) {
	return w.run(ctx, "k8s/kubectl", []string{"KUBECONFIG=" + w.Kubeconfig, "PATH=" + w.bin("")}, args)
}

// run runs a program in the world's folder, with nothing of the caller's environment.
func (w *World) run(ctx context.Context, program string, env, args []string) (string, error) {
	command := exec.CommandContext(ctx, w.bin(program), args...)
	command.Dir = w.dir
	command.Env = append([]string{"HOME=" + w.dir}, env...)
	output, err := command.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(output), &CommandError{Command: filepath.Base(program) + " " + args[0], Message: strings.TrimSpace(string(exit.Stderr))}
	}
	return string(output), err
}

// CommandError says that a command did not succeed.
type CommandError struct {
	// Command is the program and what it was to do.
	Command string
	// Message is what it wrote to its standard error.
	Message string
}

// Error implements error.
func (e *CommandError) Error() string { return fmt.Sprintf("%s: %s", e.Command, e.Message) }
