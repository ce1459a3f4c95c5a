// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package secrets searches files and configurations of images for secrets, with trivy's rules and as trivy does: what trivy
// passes over is passed over, and where trivy finds a secret one is found. It tells where a secret is, and keeps nothing of
// the secret or of what stands near it.
//
// Trivy searches some five megabytes a second. Here its scanner gets only files in which a rule may match, and only with those
// rules, which a first look at some 150 megabytes a second tells (see suspicion).
package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/aquasecurity/trivy/pkg/fanal/secret"
	"github.com/aquasecurity/trivy/pkg/fanal/utils"
	xio "github.com/aquasecurity/trivy/pkg/x/io"

	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

const (
	// HeadSize is how much of a file shows whether it is binary, in bytes.
	HeadSize = 300
	// minFile is the size under which trivy expects no secret in a file, in bytes.
	minFile = 10
	// maxFile is the size over which a file is not searched, in bytes.
	maxFile = 256 << 20
	// maxBytecode is the same of a file of which the readable parts are first put together in memory.
	maxBytecode = 16 << 20
	// blockSize is how much is looked at at once, in bytes.
	blockSize = 256 << 10
	// maxEffort bounds the search of one layer or configuration, in bytes that one rule is tried on; at the slowest, which no text
	// that is meant for something comes near to, two megabytes of it take a second.
	maxEffort = 128 << 20
	// lookCost is the effort of beginning a look, and bytesAtOnce are the bytes of which a first look takes the effort of one.
	lookCost, bytesAtOnce = 64, 32
	// maxFound and maxUnsearched bound what is remembered of one layer or configuration.
	maxFound, maxUnsearched = 100, 20
)

// Searcher searches for secrets. It is not safe for concurrent use.
type Searcher struct {
	scanner   secret.Scanner
	suspicion *suspicion
	block     []byte
}

// New returns a Searcher with trivy's rules.
func New() (*Searcher, error) {
	scanner := secret.NewScanner(nil)
	suspicion, err := newSuspicion(scanner.Rules)
	if err != nil {
		return nil, fmt.Errorf("set up the search for secrets: %w", err)
	}
	return &Searcher{scanner: scanner, suspicion: suspicion, block: make([]byte, blockSize)}, nil
}

// Search is the search of one layer or configuration. What comes of it depends on nothing else.
type Search struct {
	*Searcher
	effort int
	// Secrets found, without their layer, in the order in which they were.
	Secrets []inventory.Secret
	// Unsearched are files that could not be searched, or the first of them.
	Unsearched []inventory.Problem
}

// NewSearch begins a search.
func (s *Searcher) NewSearch() *Search { return &Search{Searcher: s, effort: maxEffort} }

// Wants says whether trivy would search a file of an image of the size, in bytes, if it is text.
func (s *Searcher) Wants(file string, size int64) bool {
	return size >= minFile && !s.scanner.IsSkipped(file) && !s.scanner.AllowPath(file) && !s.scanner.AllowPath("/"+file)
}

// Text says whether trivy would take a file for text. head is its beginning.
func Text(file string, head []byte) (bool, error) {
	head = head[:min(len(head), HeadSize)]
	binary, err := utils.IsBinary(xio.NopCloser(bytes.NewReader(head)), int64(len(head)))
	return !binary || bytecode(file), err
}

// bytecode says that trivy searches a file although it is binary.
func bytecode(file string) bool { return path.Ext(file) == ".pyc" }

// File searches a file that Wants, and whose beginning is Text. open opens it, and its errors come back.
func (s *Search) File(file string, size int64, open func() (xio.ReadSeekCloserAt, error)) error {
	limit := int64(maxFile)
	if bytecode(file) {
		limit = maxBytecode
	}
	if size > limit {
		s.unsearched(file, fmt.Sprintf("the file has more than %s and is not searched for secrets", wire.Size(limit)))
		return nil
	}
	content, err := open()
	if err != nil {
		return err
	}
	defer content.Close()
	readable := io.ReadSeeker(content)
	if bytecode(file) {
		if readable, err = printable(content); err != nil {
			return fmt.Errorf("read a file: %w", err)
		}
	}
	found, err := s.scan("/"+file, readable)
	if errors.Is(err, errEffort) {
		s.unsearched(file, "the file is not searched for secrets, because what is before it in the layer takes too long to search")
		return nil
	}
	for _, f := range found {
		s.add(inventory.Secret{Rule: f.rule, Severity: f.severity, Place: file, Line: f.line})
	}
	return err
}

func printable(content io.ReadSeeker) (io.ReadSeeker, error) {
	whole, err := io.ReadAll(content)
	if err != nil {
		return nil, err
	}
	parts, err := utils.ExtractPrintableBytes(xio.NopCloser(bytes.NewReader(whole)))
	return bytes.NewReader(parts), err
}

func (s *Search) unsearched(file, message string) {
	if len(s.Unsearched) < maxUnsearched {
		s.Unsearched = append(s.Unsearched, inventory.Problem{Path: file, Message: message})
	}
}

func (s *Search) add(found inventory.Secret) {
	if len(s.Secrets) < maxFound {
		s.Secrets = append(s.Secrets, found)
	}
}

// finding is the place of a secret.
type finding struct {
	rule, severity string
	line           int
}

// errEffort says that a search would take too long.
var errEffort = errors.New("the search takes too long")

// scan searches a text, which stands at a path in trivy's form.
func (s *Search) scan(file string, content io.ReadSeeker) ([]finding, error) {
	rules, size, err := s.suspect(file, content)
	if err != nil || len(rules) == 0 {
		return nil, err
	}
	if s.effort -= len(rules) * size; s.effort < 0 {
		return nil, errEffort
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read a file: %w", err)
	}
	scanner, global := s.scanner, *s.scanner.Global
	global.Rules = rules
	scanner.Global = &global
	reader := &noting{r: content}
	var found []finding
	for _, f := range scanner.Scan(secret.ScanArgs{FilePath: file, Content: reader}).Findings {
		found = append(found, finding{rule: f.RuleID, severity: f.Severity, line: f.StartLine})
	}
	return found, reader.err
}

// suspect returns the rules that may match the text, and its size.
func (s *Search) suspect(file string, content io.Reader) ([]secret.Rule, int, error) {
	look := s.suspicion.look(file)
	for kept, size := 0, 0; ; {
		n, err := io.ReadFull(content, s.block[kept:])
		block := s.block[:kept+n]
		size += n
		tried := look.tried
		look.block(block)
		if s.effort -= lookCost + len(block)/bytesAtOnce + look.tried - tried; s.effort < 0 {
			return nil, 0, errEffort
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return look.rulesSuspected(), size, nil
		case err != nil:
			return nil, 0, fmt.Errorf("read a file: %w", err)
		}
		kept = copy(s.block, block[len(block)-s.suspicion.reach:])
	}
}

// noting remembers the error of a reader, of which trivy's scanner only says so in its log.
type noting struct {
	r   io.Reader
	err error
}

// Read implements [io.Reader].
func (n *noting) Read(p []byte) (int, error) {
	read, err := n.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		n.err = fmt.Errorf("read a file: %w", err)
	}
	return read, err
}
