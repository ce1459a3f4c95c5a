// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"

	"k8s.io/utils/clock"

	"github.com/assay-dev/assay/internal/vulnerability/epss"
	"github.com/assay-dev/assay/internal/vulnerability/feed"
)

const (
	// scoresInChild is the argument with which this program loads scores: scores-in-child FILE.
	scoresInChild = "scores-in-child"
	// scoresMade is how many scores are made where FIRST's are not at hand.
	scoresMade = 360_000
)

// scored is what loading scores cost.
type scored struct {
	// Anonymous memory of the process, that of before subtracted, after the heap was swept, and how many rows there are.
	Anonymous int64
	Rows      int
	// Text is the size of the scores as CSV.
	Text int64
}

// scores measures the memory that EPSS scores take, in a process of its own.
func scores(ctx context.Context, b *bench) ([]result, error) {
	path := filepath.Join(sharedFolder, "epss", "epss_scores-2026-08-16.csv.gz")
	if shared() == "" {
		path = filepath.Join(b.dir, "epss.csv.gz")
		if err := os.WriteFile(path, madeScores(), 0o600); err != nil {
			return nil, err
		}
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, program, scoresInChild, path)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("load scores: %w", err)
	}
	var s scored
	if err := json.Unmarshal(output, &s); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("memory of %d EPSS scores, anonymous, of their CSV", s.Rows)
	return []result{compare(name, "MiB", float64(s.Anonymous)/mebibyte, float64(s.Text)/mebibyte)}, nil
}

// madeScores is a CSV in FIRST's layout.
func madeScores() []byte {
	var text bytes.Buffer // writing to it never fails
	zipped := gzip.NewWriter(&text)
	_, _ = fmt.Fprintln(zipped, "#model_version:v2026.01.01,score_date:2026-08-16T00:00:00+0000")
	_, _ = fmt.Fprintln(zipped, "cve,epss,percentile")
	for number := range scoresMade {
		_, _ = fmt.Fprintf(zipped, "CVE-%d-%d,%.5f,%.5f\n", 2000+number/20_000, 1000+number%20_000, float64(number%997)/1000, float64(number%1000)/1000)
	}
	_ = zipped.Close()
	return text.Bytes()
}

func loadScores(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("usage: bench " + scoresInChild + " FILE")
	}
	folder, err := os.MkdirTemp("", "assay-bench-scores-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder) //nolint:errcheck // it is temporary
	var s scored
	if s.Text, err = unzippedSize(args[0]); err != nil {
		return err
	}
	before, err := sweptMemory()
	if err != nil {
		return err
	}
	loaded := epss.New(folder, feed.FromPath(args[0]), clock.RealClock{})
	if _, err := loaded.Refresh(ctx); err != nil {
		return err
	}
	after, err := sweptMemory()
	if err != nil {
		return err
	}
	s.Anonymous, s.Rows = after-before, loaded.Feed().Value.Entries
	if s.Rows == 0 {
		return errors.New("no scores were loaded")
	}
	return json.NewEncoder(os.Stdout).Encode(s)
}

// sweptMemory is the anonymous memory of this process without what nobody uses.
func sweptMemory() (int64, error) {
	runtime.GC()
	debug.FreeOSMemory()
	return memory(os.Getpid(), "status", "RssAnon")
}

func unzippedSize(path string) (int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close() //nolint:errcheck // only read from
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return 0, err
	}
	return io.Copy(io.Discard, unzipped) //nolint:gosec // a file of our own
}
