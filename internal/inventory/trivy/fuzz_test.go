// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/assay-dev/assay/internal/inventory/wire"
	"github.com/assay-dev/assay/test/images"
)

// FuzzLayer looks into whatever somebody may have pushed as a layer. What its analyzers do to the process is no matter of this
// test; the child survives a panic.
func FuzzLayer(f *testing.F) {
	for _, files := range [][]images.File{
		{{Path: "etc/os-release", Body: []byte("ID=debian\n")}, {Path: "var/lib/dpkg/status", Body: []byte("Package: a\nVersion: 1\n")}},
		{{Path: "a/.wh.b"}, {Path: "a/.wh..wh..opq"}, {Path: "c", Type: '5'}, {Path: "d", Type: '2', Link: "c"}, {Path: "../e"}},
	} {
		layer, err := images.Layer(files...)
		if err != nil {
			f.Fatal(err)
		}
		for _, open := range []func(v1.Layer) (io.ReadCloser, error){v1.Layer.Compressed, v1.Layer.Uncompressed} {
			content, err := open(layer)
			if err != nil {
				f.Fatal(err)
			}
			seed, err := io.ReadAll(content)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(seed)
		}
	}
	previous := slog.Default()
	f.Cleanup(func() { slog.SetDefault(previous) })
	limits := wire.Limits{LayerBytes: 1 << 20, ImageBytes: 1 << 20, Ratio: 1000, Entries: 1000, PathLength: 500, ResultBytes: 1 << 20}
	x, err := newIndexer(limits, wire.Settings{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, layer []byte) {
		var in, out bytes.Buffer
		if err := wire.NewWriter(&in).WriteBytes(layer); err != nil {
			t.Fatal(err)
		}
		img := wire.Image{Layers: make([]wire.Layer, 1)}
		err := x.do(t.Context(), img, wire.Task{}, wire.NewReader(&in), wire.NewWriter(&out))
		if err == nil {
			t.Fatal("it has a diff ID that nothing has")
		}
		if failure := failureOf(err, limits); errors.Is(err, wire.ErrBroken) || failure.Outcome == "" || len(failure.Message) > 200 || out.Len() > 0 {
			t.Errorf("it ended with %v, and %d bytes were said", err, out.Len())
		}
	})
}
