// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// onlyLayer is the image's only layer.
func onlyLayer(t *testing.T, img v1.Image) v1.Layer {
	t.Helper()
	layers, err := img.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("layers: %v, %v; want one", layers, err)
	}
	return layers[0]
}

// unpack reads a layer as an archive to its end and returns the names in it.
func unpack(t *testing.T, img v1.Image) (names []string, err error) {
	t.Helper()
	rc, err := onlyLayer(t, img).Uncompressed()
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	for r := tar.NewReader(rc); ; {
		h, err := r.Next()
		if err == nil {
			names = append(names, h.Name)
			_, err = io.Copy(io.Discard, r)
		}
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return names, err
		}
	}
}

func TestLayersThatDoNotUnpack(t *testing.T) {
	tests := map[string]struct {
		build func() (v1.Image, error)
		want  error
	}{
		"truncated":                 {TruncatedLayer, io.ErrUnexpectedEOF},
		"not a tar":                 {NotATar, tar.ErrHeader},
		"not gzip":                  {NotGzip, gzip.ErrHeader},
		"a bomb in a bomb's casing": {func() (v1.Image, error) { return NestedBomb(64 << 20) }, tar.ErrHeader},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := unpack(t, Build(t, tt.build)); !errors.Is(err, tt.want) {
				t.Errorf("got %v; want %v", err, tt.want)
			}
		})
	}
}

func TestBombsAreSmallAndGrowLarge(t *testing.T) {
	const size = 64 << 20
	tests := map[string]struct {
		build func(int64) (v1.Image, error)
		ratio int64 // unpacked to packed, at least
	}{
		"gzip": {GzipBomb, 950},
		"zstd": {ZstdBomb, 5_000},
		"text": {CPUBomb, 80},
		"json": {MemoryBomb, 950},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			img := Build(t, func() (v1.Image, error) { return tt.build(size) })
			packed, err := onlyLayer(t, img).Size()
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bytes packed, 1:%d", packed, size/packed)
			if size/packed < tt.ratio {
				t.Errorf("1:%d; want 1:%d", size/packed, tt.ratio)
			}
		})
	}
}

func TestBombsUnpackToAnArchiveOfTheirDiffID(t *testing.T) {
	for name, build := range map[string]func(int64) (v1.Image, error){"gzip": GzipBomb, "zstd": ZstdBomb, "text": CPUBomb, "json": MemoryBomb} {
		t.Run(name, func(t *testing.T) {
			layer := onlyLayer(t, Build(t, func() (v1.Image, error) { return build(3 << 20) }))
			rc, err := layer.Uncompressed()
			if err != nil {
				t.Fatal(err)
			}
			defer rc.Close()
			got, _, err := v1.SHA256(rc)
			if err != nil {
				t.Fatal(err)
			}
			if want, err := layer.DiffID(); err != nil || got != want {
				t.Errorf("unpacks to %s; its diff id is %s, %v", got, want, err)
			}
		})
	}
}

func TestTraversalPointsOutOfTheRoot(t *testing.T) {
	names, err := unpack(t, Build(t, Traversal))
	if err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(names, " "); !strings.Contains(all, "../../../../escaped") || !strings.Contains(all, "/tmp/escaped") {
		t.Errorf("names: %s", all)
	}
}

// TestScannersStopEarly shows on the parser that scanners use what the two over-long databases hide.
func TestScannersStopEarly(t *testing.T) {
	files := contents(t, Build(t, OverlongApk))
	seen := ""
	for s := bufio.NewScanner(strings.NewReader(files[apkInstalled])); s.Scan(); {
		seen += s.Text() + "\n"
	}
	if !strings.Contains(files[apkInstalled], "P:libssl3\n") || strings.Contains(seen, "P:libssl3\n") {
		t.Error("a line scanner sees the openssl that it should miss")
	}
}

func TestAmbiguousDocumentIsOneDigestOfBoth(t *testing.T) {
	img := Build(t, IndexAndManifest)
	raw, err := img.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	m, err := v1.ParseManifest(strings.NewReader(string(raw)))
	if err != nil || len(m.Layers) != 1 {
		t.Errorf("as a manifest: %+v, %v", m, err)
	}
	idx, err := v1.ParseIndexManifest(strings.NewReader(string(raw)))
	if err != nil || len(idx.Manifests) != 1 {
		t.Errorf("as an index: %+v, %v", idx, err)
	}
}
