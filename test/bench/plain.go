// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
)

// readPlainly is the argument with which this program reads layers: read-plainly REPOSITORY-URL DIGEST...
const readPlainly = "read-plainly"

// plainCommand is the least that can be done with layers, as a process: fetch, hash, gunzip and untar one after the other.
func plainCommand(ctx context.Context, repository string, digests []string) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, program, append([]string{readPlainly, repository}, digests...)...), nil
}

func plain(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("no repository is given")
	}
	for _, digest := range args[1:] {
		if err := readLayer(ctx, args[0]+"/blobs/"+digest, digest); err != nil {
			return fmt.Errorf("%s: %w", digest, err)
		}
	}
	return nil
}

func readLayer(ctx context.Context, url, digest string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	hash := sha256.New()
	compressed := io.TeeReader(response.Body, hash)
	archive, err := gzip.NewReader(compressed)
	if err != nil {
		return err
	}
	for files := tar.NewReader(archive); ; {
		_, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, files); err != nil {
			return err
		}
	}
	for _, rest := range []io.Reader{archive, compressed} { // what stands after the end of the archive
		if _, err := io.Copy(io.Discard, rest); err != nil {
			return err
		}
	}
	if got := "sha256:" + hex.EncodeToString(hash.Sum(nil)); got != digest {
		return fmt.Errorf("its digest is %s", got)
	}
	return nil
}
