// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Statement is something that was signed about an image, as Assay holds it. Every string in it is bounded and printable.
type Statement struct {
	// PredicateType says what is stated.
	PredicateType string `json:"predicateType"`
	// Own says that Assay itself signed it.
	Own bool `json:"own,omitempty"`
	// Manifests that it is about, by digest; absent for the image's own.
	Manifests []string `json:"manifests,omitempty"`
	// Digest of what was signed, and its size in bytes; the size is 0 where Assay keeps no more of it than the digest.
	Digest string `json:"digest"`
	Size   int64  `json:"size,omitempty"`
	// Signers who signed it.
	Signers []Signer `json:"signers,omitempty"`
	// Follows is how many bytes follow the line, which are what was signed: all or none.
	Follows int64 `json:"follows,omitempty"`
}

// Signer is who signed a statement: a key or somebody with a certificate.
type Signer struct {
	// Key is the fingerprint of the public key.
	Key string `json:"key,omitempty"`
	// Subject of the certificate, and the issuer who vouched for it.
	Subject string `json:"subject,omitempty"`
	Issuer  string `json:"issuer,omitempty"`
	// SignedAt is the earliest time at which the signature existed, and SignedAtBy by whose word.
	SignedAt   time.Time `json:"signedAt,omitzero"`
	SignedAtBy string    `json:"signedAtBy,omitempty"`
	// LogEntry is the transparency log and the index of the entry in it.
	LogEntry string `json:"logEntry,omitempty"`
}

// End is how an answer ends. One without an end was broken off.
type End struct {
	// More says that there is more than an answer holds.
	More bool `json:"more,omitempty"`
	// Error says why the answer ends early.
	Error string `json:"error,omitempty"`
}

// evidenceLine is a line of JSON in an answer: the image, then the statements, then the end.
type evidenceLine struct {
	Image     *Image     `json:"trustedImage,omitempty"`
	Statement *Statement `json:"statement,omitempty"`
	End       *End       `json:"end,omitempty"`
}

// EvidenceWriter writes an answer to a question for evidence: lines of JSON, and after that of a statement what was signed, if it
// follows, and a line feed.
type EvidenceWriter struct{ w io.Writer }

// NewEvidenceWriter begins an answer about the image.
func NewEvidenceWriter(w io.Writer, about Image) (EvidenceWriter, error) {
	e := EvidenceWriter{w}
	return e, e.line(evidenceLine{Image: &about})
}

// Statement writes a statement, with what was signed unless that is empty.
func (e EvidenceWriter) Statement(s Statement, signed []byte) error {
	s.Follows = int64(len(signed))
	if err := e.line(evidenceLine{Statement: &s}); err != nil || len(signed) == 0 {
		return err
	}
	if _, err := e.w.Write(signed); err != nil {
		return err
	}
	_, err := io.WriteString(e.w, "\n")
	return err
}

// End ends the answer.
func (e EvidenceWriter) End(end End) error { return e.line(evidenceLine{End: &end}) }

func (e EvidenceWriter) line(l evidenceLine) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = e.w.Write(append(text, '\n'))
	return err
}

// maxLine bounds a line in bytes. Those of Assay are smaller.
const maxLine = 1 << 20

var errNoEvidence = errors.New("that is no answer to a question for evidence")

// ReadEvidence reads an answer and hands on each statement with what was signed, nil where that does not follow. The error is
// io.ErrUnexpectedEOF for an answer that was broken off.
func ReadEvidence(r io.Reader, hand func(s Statement, signed []byte) error) (Image, End, error) {
	in, left := bufio.NewReaderSize(r, maxLine), int64(MaxContents)
	first, err := readLine(in)
	if err != nil || first.Image == nil {
		return Image{}, End{}, errors.Join(errNoEvidence, err)
	}
	for range MaxStatements + 1 {
		line, err := readLine(in)
		if err != nil {
			return *first.Image, End{}, err
		}
		if line.End != nil {
			return *first.Image, *line.End, nil
		}
		if line.Statement == nil || line.Statement.Follows < 0 || line.Statement.Follows > left {
			break
		}
		left -= line.Statement.Follows
		signed, err := readSigned(in, line.Statement.Follows)
		if err == nil {
			err = hand(*line.Statement, signed)
		}
		if err != nil {
			return *first.Image, End{}, err
		}
	}
	return *first.Image, End{}, errNoEvidence
}

func readLine(in *bufio.Reader) (line evidenceLine, err error) {
	text, err := in.ReadSlice('\n')
	switch {
	case errors.Is(err, io.EOF):
		return line, io.ErrUnexpectedEOF
	case err != nil:
		return line, err
	}
	if err := json.Unmarshal(text, &line); err != nil {
		return line, fmt.Errorf("%w: %w", errNoEvidence, err)
	}
	return line, nil
}

// readSigned reads what follows a line. It takes no more memory than really follows.
func readSigned(in *bufio.Reader, length int64) ([]byte, error) {
	if length == 0 {
		return nil, nil
	}
	var signed bytes.Buffer
	if _, err := io.CopyN(&signed, in, length); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	if end, err := in.ReadByte(); err != nil || end != '\n' {
		return nil, io.ErrUnexpectedEOF
	}
	return signed.Bytes(), nil
}
