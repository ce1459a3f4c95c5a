// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/sandbox"
	"github.com/assay-dev/assay/internal/inventory/wire"
	"github.com/assay-dev/assay/test/images"
)

const mebibyte = 1 << 20

func TestFailures(t *testing.T) {
	limits := wire.Limits{LayerBytes: 400 * mebibyte, ImageBytes: 600 * mebibyte, Entries: 1000, PathLength: 200}
	x := newIndexer(t, sandbox.Options{Limits: limits})
	for name, test := range map[string]struct {
		image func() (v1.Image, error)
		want  error
		text  string
	}{
		"a layer that breaks off": {images.TruncatedLayer, inventory.ErrMalformedLayer,
			"malformed layer: layer 1 of 1 is truncated or damaged"},
		"a layer that is no archive": {images.NotATar, inventory.ErrMalformedLayer,
			"malformed layer: layer 1 of 1 is not a tar archive"},
		"a layer of another diff ID": {otherDiffID, inventory.ErrMalformedLayer,
			"malformed layer: layer 1 of 1 does not have the diff ID of the configuration"},
		"one layer with two diff IDs": {twoDiffIDs, inventory.ErrMalformedLayer,
			"malformed layer: layer 2 of 2 does not have the diff ID of the configuration"},
		"entries outside of the image": {images.Traversal, inventory.ErrMalformedLayer,
			"malformed layer: layer 1 of 1 has an entry outside of the image"},
		"a folder that is a file": {layered([]images.File{text("a.dist-info", ""), text("a.dist-info/METADATA", "")}), inventory.ErrMalformedLayer,
			"malformed layer: layer 1 of 1 has a file and a folder of one name"},
		"an entry of an unknown type": {layered(nil, []images.File{{Path: "x", Type: 'Z'}}), inventory.ErrMalformedLayer,
			"malformed layer: layer 2 of 2 has an entry of the unknown type 'Z'"},
		"a bomb of gzip": {func() (v1.Image, error) { return images.GzipBomb(380 * mebibyte) }, inventory.ErrOverLimit,
			"over the limit: layer 1 of 1 decompresses to more than 200 times its size"},
		"a bomb of zstd": {func() (v1.Image, error) { return images.ZstdBomb(380 * mebibyte) }, inventory.ErrOverLimit,
			"over the limit: layer 1 of 1 decompresses to more than 200 times its size"},
		"a bomb in a bomb": {func() (v1.Image, error) { return images.NestedBomb(1 << 30) }, inventory.ErrMalformedLayer,
			"malformed layer: layer 1 of 1 is not a tar archive"},
		"a layer that is too large": {func() (v1.Image, error) { return images.CPUBomb(500 * mebibyte) }, inventory.ErrOverLimit,
			"over the limit: layer 1 of 1 has a file of more than 400 MiB"},
		"layers that are too large together": {twice(func() (v1.Image, error) { return images.CPUBomb(390 * mebibyte) }), inventory.ErrOverLimit,
			"over the limit: the layers decompress to more than 600 MiB"},
		"too many files": {layered(nil, manyFiles(1001)), inventory.ErrOverLimit,
			"over the limit: the layers have more than 1000 files, folders and links"},
		"too many whiteouts in several layers": {layered(manyWhiteouts("a", 600), manyWhiteouts("b", 600)), inventory.ErrOverLimit,
			"over the limit: the layers have more than 1000 files, folders and links"},
		"a path that is too long": {layered([]images.File{text(strings.Repeat("x/", 150)+"y", "")}), inventory.ErrOverLimit,
			"over the limit: layer 1 of 1 has a path of more than 200 bytes"},
		// trivy takes for granted that workspaces are texts.
		"a package.json at which the analyzer panics": {layered([]images.File{text("app/package.json", `{"workspaces":[1]}`)}), inventory.ErrFailed,
			"indexing failed: the indexer crashed on the image"},
		"jars in jars in jars": {layered([]images.File{{Path: "a.jar", Body: nestedJars(t, 50)}}), inventory.ErrOverLimit,
			"over the limit: archives are nested more than 8 deep"},
		"a jar that is a bomb": {layered([]images.File{{Path: "a.jar", Body: archive(t, "b.jar", strings.Repeat("\x00", 1<<30+1))}}), inventory.ErrOverLimit,
			"over the limit: the archives within an archive decompress to more than 1 GiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := x.Index(t.Context(), sourceOf(t, images.Build(t, test.image)))
			if !errors.Is(err, test.want) || err.Error() != test.text {
				t.Errorf("got %v\nwant %s", err, test.text)
			}
		})
	}
}

func TestLimitsOfTheProcess(t *testing.T) {
	for name, test := range map[string]struct {
		limits wire.Limits
		image  func() (v1.Image, error)
		text   string
	}{
		"memory": {wire.Limits{Memory: 400 * mebibyte, Ratio: 2000}, func() (v1.Image, error) { return images.MemoryBomb(300 * mebibyte) },
			"over the limit: one of the processes that index the image needs more than 200 MiB of memory"},
		"the size of a file": {wire.Limits{FileSize: 20 * mebibyte}, func() (v1.Image, error) { return images.MemoryBomb(30 * mebibyte) },
			"over the limit: a file has more than 20 MiB"},
		"the size of the inventory": {wire.Limits{ResultBytes: 10_000}, images.VulnerableDebian,
			"over the limit: the inventory has more than 10000 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newIndexer(t, sandbox.Options{Limits: test.limits}).Index(t.Context(), sourceOf(t, images.Build(t, test.image)))
			if !errors.Is(err, inventory.ErrOverLimit) || err.Error() != test.text {
				t.Errorf("got %v\nwant %s", err, test.text)
			}
		})
	}
}

// A scanner of secrets spends a minute on it.
func TestLargeTextCostsLittle(t *testing.T) {
	got, err := newIndexer(t, sandbox.Options{}).Index(t.Context(), sourceOf(t, images.Build(t, func() (v1.Image, error) {
		return images.CPUBomb(600 * mebibyte)
	})))
	if err != nil || len(got.Problems) > 0 {
		t.Errorf("got %v and %v", got.Problems, err)
	}
}

// otherDiffID has a configuration that is another image's.
func otherDiffID() (v1.Image, error) {
	img, err := images.NotGzip()
	if err != nil {
		return nil, err
	}
	return withDiffIDs(img, v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("1", 64)})
}

func twoDiffIDs() (v1.Image, error) {
	img, err := layered(nil, nil)()
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	return withDiffIDs(img, config.RootFS.DiffIDs[0], v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("1", 64)})
}

func withDiffIDs(img v1.Image, diffIDs ...v1.Hash) (v1.Image, error) {
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.RootFS.DiffIDs = diffIDs
	return mutate.ConfigFile(img, config)
}

// twice has an image's layer, and above it one that differs in a byte only.
func twice(builder func() (v1.Image, error)) func() (v1.Image, error) {
	return func() (v1.Image, error) {
		img, err := builder()
		if err != nil {
			return nil, err
		}
		layers, err := img.Layers()
		if err != nil {
			return nil, err
		}
		other, err := images.CPUBomb(380 * mebibyte)
		if err != nil {
			return nil, err
		}
		others, err := other.Layers()
		if err != nil {
			return nil, err
		}
		return images.New(images.Spec{Layers: append(layers, others...)})
	}
}

func manyFiles(n int) []images.File {
	files := make([]images.File, n)
	for i := range files {
		files[i] = images.File{Path: fmt.Sprintf("folder/%d", i), Type: tar.TypeDir}
	}
	return files
}

func manyWhiteouts(folder string, n int) []images.File {
	files := make([]images.File, n)
	for i := range files {
		files[i] = text(fmt.Sprintf("%s/.wh.%d", folder, i), "")
	}
	return files
}

func nestedJars(t *testing.T, depth int) []byte {
	t.Helper()
	jar := archive(t)
	for range depth {
		jar = archive(t, "inner.jar", string(jar))
	}
	return jar
}
