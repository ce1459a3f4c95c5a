// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sigstore starts a Sigstore of its own as processes on this host: Fulcio, which certifies the service accounts of a test
// control plane, Rekor (v2), and an RFC 3161 timestamp authority. Keyless signatures are made and verified with it as they are
// with the public one, and without the internet.
package sigstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/assay-dev/assay/test/controlplane"
	"github.com/assay-dev/assay/test/process"
)

// Audience is what tokens for Fulcio are meant for.
const Audience = "sigstore"

// startTimeout bounds the start of all services, which takes less than a second on an idle host.
const startTimeout = time.Minute

// Options say what to start.
type Options struct {
	// Binaries is the folder bin of the project, where `make sigstore clients` puts programs.
	Binaries string
	// Dir holds keys, the log, and what the services print. It is made if it is missing.
	Dir string
	// Cluster names the service accounts that Fulcio certifies.
	Cluster *controlplane.ControlPlane
}

// Sigstore is a running one.
type Sigstore struct {
	// Fulcio, Rekor and TimestampAuthority are the URLs of the services.
	Fulcio, Rekor, TimestampAuthority string
	// TrustedRoot and SigningConfig are the paths of files with what verifiers and signers must know, as cosign takes them.
	TrustedRoot, SigningConfig string

	processes *process.Group
	turn      *os.File
}

// Start starts all services and returns when they answer. Nothing is left running when it fails. It waits until no other test on this host
// has them: the timestamp authority has metrics on a port that cannot be chosen.
func Start(ctx context.Context, options Options) (*Sigstore, error) {
	dir, err := filepath.Abs(options.Dir)
	if err != nil {
		return nil, err
	}
	binaries, err := filepath.Abs(options.Binaries)
	if err != nil {
		return nil, err
	}
	turn, err := takeTurn(ctx)
	if err != nil {
		return nil, err
	}
	processes, err := process.NewGroup(dir)
	if err != nil {
		return nil, errors.Join(err, turn.Close())
	}
	s := &starter{
		Sigstore: &Sigstore{processes: processes, turn: turn}, binaries: binaries, dir: dir, cluster: options.Cluster,
	}
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, step := range []func(context.Context) error{
		s.letIssuerBeAsked, s.startTimestampAuthority, s.startRekor, s.startFulcio, s.writeTrustedRoot, s.writeSigningConfig,
	} {
		if err := step(starting); err != nil {
			return nil, errors.Join(fmt.Errorf("cannot start Sigstore: %w", err), s.Stop(ctx))
		}
	}
	return s.Sigstore, nil
}

// Stop ends all services.
func (s *Sigstore) Stop(ctx context.Context) error {
	err := s.processes.Stop(ctx)
	_ = s.turn.Close() // a second time says that it is closed
	return err
}

// takeTurn waits for the lock of a file that whoever has the services holds. The kernel gives it back when its holder ends.
func takeTurn(ctx context.Context) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(os.TempDir(), "assay-test-sigstore.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return file, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("another test has Sigstore: %w", err), file.Close())
		}
	}
}

// starter starts the services one by one.
type starter struct {
	*Sigstore
	binaries, dir string // the latter is every process's working directory
	cluster       *controlplane.ControlPlane
}

// run starts a service and waits until url answers.
func (s *starter) run(ctx context.Context, program, url string, env []string, args ...string) error {
	path := filepath.Join(s.binaries, "sigstore", program)
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%w: run `make sigstore`", err)
	}
	started, err := s.processes.Start(process.Spec{Name: program, Path: path, Args: args, Env: append([]string{"HOME=" + s.dir}, env...)})
	if err != nil {
		return err
	}
	return started.AwaitReady(ctx, http.DefaultClient, url)
}
