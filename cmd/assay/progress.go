// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// progress tells what the program is doing while it works: a line for each step, and on a terminal how many bytes were read.
type progress struct {
	out      io.Writer
	terminal bool

	mutex   sync.Mutex
	current string
	read    int64
	shown   time.Time
}

func newProgress(out io.Writer) *progress { return &progress{out: out, terminal: isTerminal(out)} }

// isTerminal says that somebody is looking at what is written.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb"
}

// isColourful says that colours are welcome (https://no-color.org).
func isColourful(w io.Writer) bool { return isTerminal(w) && os.Getenv("NO_COLOR") == "" }

// maxStep bounds a line, in characters.
const maxStep = 1024

// step begins a step.
func (p *progress) step(format string, args ...any) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.finish()
	p.current, p.read = evidence.Printable(fmt.Sprintf(format, args...), maxStep), 0
	if p.terminal {
		p.say("%s", p.current)
	} else {
		p.say("%s\n", p.current)
	}
}

// warn tells of everything that failed and does not keep the command from going on, a line each.
func (p *progress) warn(err error) {
	for _, line := range linesOf(err) {
		p.step("warning: %s", line)
	}
}

// linesOf returns what is said by an error, and by errors that are joined.
func linesOf(err error) []string {
	if err == nil {
		return nil
	}
	return strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' })
}

// end ends the last step.
func (p *progress) end() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.finish()
}

func (p *progress) finish() {
	if p.terminal && p.current != "" {
		p.say("\n")
	}
	p.current = ""
}

// refreshEvery is how often the bytes are shown anew.
const refreshEvery = 100 * time.Millisecond

func (p *progress) add(n int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.read += int64(n)
	if now := time.Now(); p.terminal && p.current != "" && now.Sub(p.shown) > refreshEvery {
		p.shown = now
		p.say("\r%s, %.1f MB read", p.current, float64(p.read)/1e6)
	}
}

// say writes for people; nobody is helped by an error about it.
func (p *progress) say(format string, args ...any) { _, _ = fmt.Fprintf(p.out, format, args...) }

// counting returns a reader of which the bytes are counted.
func (p *progress) counting(reader registry.Reader) registry.Reader { return countingReader{reader, p} }

type countingReader struct {
	registry.Reader
	progress *progress
}

func (r countingReader) Blob(ctx context.Context, repository image.Repository, descriptor image.Descriptor) (io.ReadCloser, error) {
	blob, err := r.Reader.Blob(ctx, repository, descriptor)
	if err != nil {
		return nil, err
	}
	return countedBlob{blob, r.progress}, nil
}

type countedBlob struct {
	io.ReadCloser
	progress *progress
}

func (b countedBlob) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.progress.add(n)
	return n, err
}
