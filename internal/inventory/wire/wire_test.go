// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/image"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	var conversation bytes.Buffer
	w := NewWriter(&conversation)
	large := strings.Repeat("layer ", maxPiece/2)
	if err := w.WriteMessage(Request{Version: Version, Scratch: "/scratch"}); err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{large, "", "small"} {
		if err := w.WriteStream(iotest.DataErrReader(strings.NewReader(content))); err != nil {
			t.Fatal(err)
		}
	}

	r := NewReader(iotest.HalfReader(&conversation))
	var request Request
	if err := r.ReadMessage(&request); err != nil {
		t.Fatal(err)
	}
	if want := (Request{Version: Version, Scratch: "/scratch"}); request != want {
		t.Error(cmp.Diff(want, request))
	}
	for _, want := range []string{large, "", "small"} {
		got, err := io.ReadAll(r.Stream())
		if err != nil || string(got) != want {
			t.Errorf("read %d bytes and %v, want %d bytes", len(got), err, len(want))
		}
	}
}

func TestBrokenConversations(t *testing.T) {
	var whole bytes.Buffer
	w := NewWriter(&whole)
	if err := w.WriteMessage(Request{Version: Version}); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteStream(strings.NewReader("0123456789")); err != nil {
		t.Fatal(err)
	}
	for length := range whole.Len() {
		r := NewReader(bytes.NewReader(whole.Bytes()[:length]))
		var request Request
		err := r.ReadMessage(&request)
		if err == nil {
			_, err = io.ReadAll(r.Stream())
		}
		if !errors.Is(err, ErrBroken) || errors.Is(err, io.EOF) {
			t.Fatalf("a conversation cut after %d of %d bytes ended with %v", length, whole.Len(), err)
		}
	}
}

func TestOversizedPiecesAreRefused(t *testing.T) {
	r := NewReader(bytes.NewReader([]byte{0xff, 0xff, 0xff, 0xff}))
	if err := r.ReadMessage(new(Request)); !errors.Is(err, ErrBroken) {
		t.Error(err)
	}
	r = NewReader(bytes.NewReader([]byte{0, 1, 0, 1}))
	if _, err := r.Stream().Read(make([]byte, 1)); !errors.Is(err, ErrBroken) {
		t.Error(err)
	}
}

func TestErrorsOfTheReaderAreToldFromTheConnections(t *testing.T) {
	cause := errors.New("digest does not match")
	err := NewWriter(io.Discard).WriteStream(io.MultiReader(strings.NewReader("x"), iotest.ErrReader(cause)))
	var read *ReadError
	if !errors.As(err, &read) || !errors.Is(read.Err, cause) {
		t.Errorf("got %v", err)
	}
	closed, writer := io.Pipe()
	_ = closed.Close()
	if err = NewWriter(writer).WriteStream(strings.NewReader("x")); err == nil || errors.As(err, new(*ReadError)) {
		t.Errorf("got %v", err)
	}
}

func TestLayersAreSentOnce(t *testing.T) {
	a, b := image.DigestOf([]byte("a")), image.DigestOf([]byte("b"))
	img := Image{Layers: []Layer{{Digest: a}, {Digest: b}, {Digest: a}, {Digest: b}}}
	if got, want := img.Distinct(), []int{0, 1}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
