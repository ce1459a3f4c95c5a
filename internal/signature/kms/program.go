// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package kms

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/common"

	"github.com/assay-dev/assay/internal/signature"
)

const (
	// timeout bounds one call, with whatever the service's client tries again within it.
	timeout = 20 * time.Second
	// maxAnswer bounds what a program may print, in bytes. A public key or a signature has some 1 KiB.
	maxAnswer = 64 << 10
	// maxMessage bounds the text of an error, in bytes.
	maxMessage = 160
	// maxURI bounds the name of a key, in bytes.
	maxURI = 1024
	// temporaryFailure is the exit code of assay-kms when the service could not be reached (sysexits.h).
	temporaryFailure = 75
)

// prefix of the name by which plugins are called: sigstore-kms-<scheme>.
const prefix = "sigstore-kms-"

var uriForm = regexp.MustCompile(`^([a-z][a-z0-9-]*)://([!-~]+)$`)

// program is a plugin that speaks of one key.
type program struct {
	path, scheme, key string
	environment       []string
}

func newProgram(options Options) (program, error) {
	parts := uriForm.FindStringSubmatch(options.URI)
	if len(options.URI) > maxURI || parts == nil {
		return program{}, fmt.Errorf("%w: %.80q names no key, want SCHEME://KEY", ErrRefused, options.URI)
	}
	if !filepath.IsAbs(options.Program) {
		return program{}, fmt.Errorf("%w: the absolute path of the program that speaks to it is not set", ErrRefused)
	}
	return program{
		path: options.Program, scheme: parts[1], key: parts[2],
		environment: environmentFor(parts[1], options.Environment),
	}, nil
}

func (p program) publicKey(ctx context.Context) (signature.Key, error) {
	answer, err := p.call(ctx, &common.MethodArgs{
		MethodName: common.PublicKeyMethodName,
		PublicKey:  &common.PublicKeyArgs{PublicKeyOptions: &common.PublicKeyOptions{}},
	})
	if err != nil {
		return signature.Key{}, err
	}
	if answer.PublicKey == nil {
		return signature.Key{}, fmt.Errorf("%w: it has no public key", ErrRefused)
	}
	key, err := signature.ParseKey(answer.PublicKey.PublicKeyPEM)
	if err != nil {
		return signature.Key{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return key, nil
}

// call runs the program once. What it is asked for stands in its arguments; there is no secret in that.
func (p program) call(ctx context.Context, method *common.MethodArgs) (*common.PluginResp, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	arguments, err := json.Marshal(common.PluginArgs{
		InitOptions: &common.InitOptions{
			CtxDeadline: &deadline, ProtocolVersion: common.ProtocolVersion, KeyResourceID: p.key, HashFunc: crypto.SHA256, RPCOptions: &common.RPCOptions{},
		},
		MethodArgs: method,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	output := &bounded{left: maxAnswer}
	command := exec.CommandContext(ctx, p.path, common.ProtocolVersion, string(arguments))
	command.Args[0] = prefix + p.scheme
	command.Env, command.Dir = p.environment, "/"
	command.Stdout = output
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that what it starts ends with it
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = time.Second
	err = command.Run()
	if errors.Is(err, exec.ErrWaitDelay) { // it ended, and left somebody who holds its output
		_ = command.Cancel()
	}
	return p.answer(err, ctx.Err(), output)
}

// answer reads what the program printed. failed is how it ended, over why it was not let end by itself.
func (p program) answer(failed, over error, output *bounded) (*common.PluginResp, error) {
	var exit *exec.ExitError
	switch {
	case errors.Is(over, context.DeadlineExceeded):
		return nil, fmt.Errorf("%w: no answer in time", ErrUnreachable)
	case over != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, over)
	case output.over:
		return nil, fmt.Errorf("%w: the program's answer is longer than %d bytes", ErrRefused, maxAnswer)
	case failed != nil && !errors.As(failed, &exit):
		return nil, fmt.Errorf("%w: the program cannot be run: %s", ErrRefused, p.presentable(failed.Error()))
	}
	var answer common.PluginResp
	if err := json.Unmarshal(output.content.Bytes(), &answer); err != nil {
		return nil, fmt.Errorf("%w: the program's answer is not of the form of a plugin", ErrRefused)
	}
	switch temporary := exit != nil && exit.ExitCode() == temporaryFailure; {
	case temporary:
		return nil, fmt.Errorf("%w: %s", ErrUnreachable, p.presentable(answer.ErrorMessage))
	case answer.ErrorMessage != "":
		return nil, fmt.Errorf("%w: %s", ErrRefused, p.presentable(answer.ErrorMessage))
	}
	return &answer, nil
}

// presentable makes a program's words fit for a status: without what it was told in its environment, printable and bounded.
func (p program) presentable(text string) string {
	for _, variable := range p.environment {
		if _, value, _ := strings.Cut(variable, "="); len(value) >= 8 {
			text = strings.ReplaceAll(text, value, "…")
		}
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage-len("…")], "") + "…"
	}
	return text
}

// bounded keeps what is printed up to a limit, and ends whoever prints more.
type bounded struct {
	content bytes.Buffer
	left    int
	over    bool
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		b.over = true
		return 0, errors.New("too much output")
	}
	return b.content.Write(p)
}
