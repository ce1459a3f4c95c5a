// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/query"
)

// summary prints a table of statements, with a row for everybody who signed one.
type summary struct {
	out  io.Writer
	rows [][]string
}

func (t *summary) print(s query.Statement, _ []byte) error {
	size := ""
	if s.Size > 0 {
		size = fmt.Sprint(s.Size)
	}
	signers := s.Signers
	if len(signers) == 0 {
		signers = []query.Signer{{}}
	}
	for _, signer := range signers {
		at := ""
		if !signer.SignedAt.IsZero() {
			at = signer.SignedAt.UTC().Format(time.RFC3339)
		}
		t.rows = append(t.rows, []string{s.PredicateType, signedBy(s, signer), at, signer.LogEntry, shortSum(s.Digest), size, platformsOf(s)})
	}
	return nil
}

// signedBy names who signed: the subject of a certificate, or the beginning of a key's fingerprint.
func signedBy(s query.Statement, signer query.Signer) string {
	name := signer.Subject
	if name == "" && signer.Key != "" {
		name = "key " + signer.Key[:min(len(signer.Key), shortDigest)]
	}
	switch {
	case s.Own && name == "":
		return "Assay"
	case s.Own:
		return "Assay, " + name
	}
	return name
}

func platformsOf(s query.Statement) string {
	var about []string
	for _, manifest := range s.Manifests {
		about = append(about, shortSum(manifest))
	}
	if len(about) == 0 {
		return "image"
	}
	return strings.Join(about, ",")
}

// shortSum is the beginning of a digest.
func shortSum(digest string) string {
	digest = strings.TrimPrefix(digest, "sha256:")
	return digest[:min(len(digest), shortDigest)]
}

func (t *summary) close(about query.Image) error {
	p := printer{out: t.out}
	p.line("%s  %s/%s  %s", about.Reference, about.Namespace, about.Name, string(about.Standing))
	if len(t.rows) == 0 {
		p.line("Assay holds no such statement about it")
		return p.err
	}
	table := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{{"TYPE", "SIGNER", "SIGNED", "LOG ENTRY", "DIGEST", "SIZE", "ABOUT"}}, t.rows...) {
		for i := range row {
			row[i] = orNone(evidence.Printable(row[i], maxCell), "-")
		}
		p.do(func() error {
			_, err := fmt.Fprintln(table, strings.Join(row, "\t"))
			return err
		})
	}
	p.do(table.Flush)
	return p.err
}

func (t *summary) notes() []string { return nil }

// isTerminal says that somebody is looking at what is written.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// escaped is the same JSON document in ASCII, in which nothing can steer a terminal.
func escaped(document []byte) []byte {
	out := make([]byte, 0, len(document))
	for len(document) > 0 {
		r, size := utf8.DecodeRune(document)
		switch high, low := utf16.EncodeRune(r); {
		case r < 0x7f:
			out = append(out, document[:size]...)
		case r > 0xffff:
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		document = document[size:]
	}
	return out
}
