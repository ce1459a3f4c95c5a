// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/assay-dev/assay/test/process"
	"github.com/assay-dev/assay/test/registry"
)

// serveRegistry is the argument with which this program is the registry: serve-registry ADDRESS FOLDER.
const serveRegistry = "serve-registry"

// registryTimeout bounds the registry's start.
const registryTimeout = 10 * time.Second

// serve is the registry until it is asked to end. Blobs are in the folder, manifests in memory.
func serve(ctx context.Context, address, dir string) error {
	r, err := registry.Start(registry.WithAddress(address), registry.WithBlobDir(dir)) //nolint:contextcheck // it serves until it is closed
	if err != nil {
		return err
	}
	<-ctx.Done()
	r.Close()
	return nil
}

// startRegistry runs the registry as a process of its own and returns its host and port. `go run` removes the program that it
// built when that ends, so the registry runs from a copy.
func startRegistry(ctx context.Context) (string, error) {
	dir := filepath.Join(demoDir, registryFolder)
	group, err := process.NewDetachedGroup(dir)
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "demo-registry")
	if err := copyThisProgram(program); err != nil {
		return "", err
	}
	address, err := freeAddress()
	if err != nil {
		return "", err
	}
	if program, err = filepath.Abs(program); err != nil {
		return "", err
	}
	started, err := group.Start(process.Spec{Name: "registry", Path: program, Args: []string{serveRegistry, address, "blobs"}, Env: []string{}})
	if err != nil {
		return "", err
	}
	return address, waitForRegistry(ctx, started, "http://"+address+"/v2/")
}

func waitForRegistry(ctx context.Context, p *process.Process, url string) error {
	waiting, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(waiting, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			return response.Body.Close()
		}
		select {
		case <-tick.C:
		case <-p.Done():
			return p.Err()
		case <-waiting.Done():
			return fmt.Errorf("the registry is not ready: %w", err)
		}
	}
}

func copyThisProgram(to string) (err error) {
	path, err := os.Executable()
	if err != nil {
		return err
	}
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // only read from
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, from)
	return errors.Join(err, out.Close())
}

// freeAddress is an address of this host that nobody listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
