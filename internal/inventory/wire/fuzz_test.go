// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// FuzzConversation reads what the other side may say, whatever that is, in the ways in which either side reads.
func FuzzConversation(f *testing.F) {
	var whole bytes.Buffer
	w := NewWriter(&whole)
	for _, err := range []error{
		w.WriteMessage(Greeting{Analyzers: "a", Confinement: Confinement{Landlock: 1}}),
		w.WriteMessage(Answer{Outcome: Indexed, Measures: &Measures{Bytes: 1}}),
		w.WriteStream(strings.NewReader("found")),
		w.WriteMessage(Answer{Outcome: Indexed, Contents: &Contents{Packages: 1}}),
		w.WriteBytes([]byte(`{"Detail":{}}`)),
	} {
		if err != nil {
			f.Fatal(err)
		}
	}
	f.Add(whole.Bytes())
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, said []byte) {
		const limit = 100
		r := NewReader(bytes.NewReader(said))
		var greeting Greeting
		var answer Answer
		err := r.ReadMessage(&greeting)
		for err == nil {
			if err = r.ReadMessage(&answer); err != nil {
				break
			}
			var content []byte
			if content, err = r.ReadBytes(limit); int64(len(content)) > limit {
				t.Fatalf("read %d bytes", len(content))
			}
		}
		if !errors.Is(err, ErrBroken) && !errors.Is(err, ErrTooLong) {
			t.Errorf("it ended with %v", err)
		}
		if _, err := io.Copy(io.Discard, NewReader(bytes.NewReader(said)).Stream()); err != nil && !errors.Is(err, ErrBroken) {
			t.Errorf("the stream ended with %v", err)
		}
	})
}
