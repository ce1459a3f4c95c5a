// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"testing"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/evidence/fake"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

// FuzzAnswers listens to a child that says whatever it likes of a layer and of the image.
func FuzzAnswers(f *testing.F) {
	var honest bytes.Buffer
	w := wire.NewWriter(&honest)
	for _, err := range []error{
		w.WriteMessage(wire.Answer{Outcome: wire.Indexed, Measures: &wire.Measures{Bytes: 1, Entries: 1}}),
		w.WriteBytes([]byte("found")),
		w.WriteMessage(wire.Answer{Outcome: wire.Indexed, Contents: &wire.Contents{Packages: 1, Problems: []inventory.Problem{{Path: "a", Message: "b"}}}}),
		w.WriteBytes([]byte(`{"Detail":{},"Jars":[{"path":"a.jar"}]}`)),
	} {
		if err != nil {
			f.Fatal(err)
		}
	}
	f.Add(honest.Bytes())
	f.Fuzz(func(t *testing.T, said []byte) {
		source := sourceOf("layer")
		img, err := describe(source)
		if err != nil {
			t.Fatal(err)
		}
		limits := DefaultLimits()
		limits.ResultBytes = 1 << 12
		worker := &worker{child: &child{limits: limits, from: wire.NewReader(bytes.NewReader(said)), to: wire.NewWriter(io.Discard)}, img: img}
		_, err = worker.findings()
		if err == nil {
			var contents wire.Contents
			var details wire.Details
			if contents, details, err = worker.applied(map[int]found{}, nil); err == nil {
				made := inventoryOf(source, img, contents, details)
				if len(made.Problems) > maxListed || len(made.Jars) > wire.MaxJars || len(made.Secrets) > maxSecrets || made.Packages < 0 {
					t.Errorf("it is not bounded: %+v", made)
				}
				if _, err := json.Marshal(made); err != nil {
					t.Errorf("it cannot be stored: %v", err)
				}
			}
		}
		if err != nil && !errors.Is(err, errGone) && !errors.Is(err, inventory.ErrFailed) && !errors.Is(err, inventory.ErrMalformedLayer) && !errors.Is(err, inventory.ErrOverLimit) {
			t.Errorf("it ended with %v", err)
		}
	})
}

// FuzzRecalling reads what stands in the store, whatever that is: it must never serve an image that has not all of its witnesses.
func FuzzRecalling(f *testing.F) {
	layer := wire.Layer{Digest: image.DigestOf([]byte("layer")), DiffID: image.DigestOf([]byte("diff ID"))}
	img := wire.Image{Layers: []wire.Layer{layer}}
	content, err := entry{record: record{Layer: layer.Digest, DiffID: layer.DiffID, Analyzers: "a"}, content: []byte("found")}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		var store evidence.Store = &fake.Store{}
		if err := store.Put(context.Background(), layer.Digest, evidence.KindLayer, content); err != nil {
			t.Fatal(err)
		}
		m := &memory{store: store, logger: slog.New(slog.DiscardHandler)}
		const most = 100
		known := m.recall(context.Background(), "a", img, wire.Limits{ResultBytes: most, LayerBytes: 1 << 30})
		if f, ok := known[0]; ok && len(f.content) > most {
			t.Errorf("recalled %d bytes", len(f.content))
		}
		if _, ok := known[0]; !ok {
			return
		}
		e, _ := open(content)
		if r := e.record; r.Layer != layer.Digest || r.DiffID != layer.DiffID || r.Analyzers != "a" || r.Settings.Secrets ||
			len(r.Witnesses) > 0 && r.Witnesses[0] != layer.Digest {
			t.Errorf("%+v serves", r)
		}
	})
}
