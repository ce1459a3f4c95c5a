// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A message and each piece of a stream are preceded by their length: four bytes, most significant first. A stream ends
// with a piece of length zero, so that whoever dies in the middle of one cannot be mistaken for somebody who was done.

const (
	// maxMessage bounds a message in bytes. The lists of [Contents] fit into it.
	maxMessage = 8 << 20
	// maxPiece bounds a piece of a stream in bytes.
	maxPiece = 256 << 10
)

var (
	// ErrBroken says that the other side went away in the middle of a message or stream, or talks nonsense.
	ErrBroken = errors.New("broken conversation")
	// ErrNonsense says that the other side does not speak the protocol. It wraps ErrBroken.
	ErrNonsense = fmt.Errorf("%w: it does not follow the protocol", ErrBroken)
	// ErrTooLong says that a stream has more bytes than it may.
	ErrTooLong = errors.New("the stream is too long")
)

// ReadError is an error of the reader that WriteStream reads from, and not of the connection.
type ReadError struct{ Err error }

// Error returns the text of the reader's error.
func (e *ReadError) Error() string { return e.Err.Error() }

// Unwrap returns the reader's error.
func (e *ReadError) Unwrap() error { return e.Err }

// Writer writes messages and streams.
type Writer struct {
	w      io.Writer
	buffer [4 + maxPiece]byte
}

// NewWriter returns a writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// WriteMessage writes a value as JSON.
func (w *Writer) WriteMessage(value any) error {
	message, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode the message: %w", err)
	}
	if len(message) > maxMessage {
		return fmt.Errorf("the message has %d bytes, more than %d", len(message), maxMessage)
	}
	framed := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(message)), uint32(len(message)))
	_, err = w.w.Write(append(framed, message...))
	return err
}

// WriteStream copies r to its end. An error of r comes back as a [ReadError], and the stream stays without an end.
func (w *Writer) WriteStream(r io.Reader) error {
	for {
		n, err := r.Read(w.buffer[4:])
		if n > 0 {
			if err := w.writePiece(n); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return w.writePiece(0)
		}
		if err != nil {
			return &ReadError{Err: err}
		}
	}
}

func (w *Writer) writePiece(n int) error {
	binary.BigEndian.PutUint32(w.buffer[:4], uint32(n))
	_, err := w.w.Write(w.buffer[:4+n])
	return err
}

// WriteBytes writes a stream of what is in memory.
func (w *Writer) WriteBytes(content []byte) error { return w.WriteStream(bytes.NewReader(content)) }

// Reader reads what a Writer wrote, in the same order.
type Reader struct{ r io.Reader }

// NewReader returns a reader from r.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// ReadMessage reads a message into value. The error wraps ErrBroken.
func (r *Reader) ReadMessage(value any) error {
	length, err := r.readLength(maxMessage)
	if err != nil {
		return err
	}
	message := make([]byte, length)
	if _, err := io.ReadFull(r.r, message); err != nil {
		return ErrBroken
	}
	if err := json.Unmarshal(message, value); err != nil {
		return ErrNonsense
	}
	return nil
}

// ReadBytes reads a stream into memory. The error wraps ErrBroken or is ErrTooLong, when the stream has more bytes than the limit.
func (r *Reader) ReadBytes(limit int64) ([]byte, error) {
	var content bytes.Buffer
	if _, err := content.ReadFrom(io.LimitReader(r.Stream(), limit+1)); err != nil {
		return nil, err
	}
	if int64(content.Len()) > limit {
		return nil, ErrTooLong
	}
	return content.Bytes(), nil
}

// Stream returns the next stream. It must be read to its end before anything else is read. Its errors wrap ErrBroken.
func (r *Reader) Stream() io.Reader { return &stream{reader: r} }

func (r *Reader) readLength(limit uint32) (uint32, error) {
	var prefix [4]byte
	if _, err := io.ReadFull(r.r, prefix[:]); err != nil {
		return 0, ErrBroken
	}
	length := binary.BigEndian.Uint32(prefix[:])
	if length > limit {
		return 0, ErrNonsense
	}
	return length, nil
}

type stream struct {
	reader *Reader
	left   uint32
	ended  bool
}

// Read implements [io.Reader].
func (s *stream) Read(p []byte) (int, error) {
	if s.ended {
		return 0, io.EOF
	}
	if s.left == 0 {
		length, err := s.reader.readLength(maxPiece)
		if err != nil {
			return 0, err
		}
		if length == 0 {
			s.ended = true
			return 0, io.EOF
		}
		s.left = length
	}
	n, err := s.reader.r.Read(p[:min(len(p), int(s.left))])
	s.left -= uint32(n)
	if err != nil {
		return n, ErrBroken // and never io.EOF, which would be the end of the stream
	}
	return n, nil
}
