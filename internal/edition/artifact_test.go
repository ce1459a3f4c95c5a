// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package edition

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/registry"
)

// artifact is a registry that holds one artifact and counts what is asked of it.
type artifact struct {
	registry.Reader // whatever else is asked for panics
	document        image.Document
	layer           []byte
	err             error // of Resolve
	broken          error // in the middle of the layer

	resolved, downloaded int
}

func (a *artifact) Resolve(context.Context, image.Tag) (image.Document, error) {
	a.resolved++
	return a.document, a.err
}

func (a *artifact) Blob(_ context.Context, _ image.Repository, descriptor image.Descriptor) (io.ReadCloser, error) {
	a.downloaded++
	if descriptor.Digest != image.DigestOf(a.layer) {
		return nil, registry.NewError(registry.KindNotFound, nil, "there is no such blob")
	}
	var content io.Reader = bytes.NewReader(a.layer)
	if a.broken != nil {
		content = io.MultiReader(io.LimitReader(content, int64(len(a.layer)/2)), iotest.ErrReader(a.broken))
	}
	return io.NopCloser(content), nil
}

// hold makes the registry hold a layer, in an artifact that nothing else is known of.
func (a *artifact) hold(layer []byte) {
	descriptor := image.Descriptor{MediaType: notes().MediaType, Digest: image.DigestOf(layer), Size: int64(len(layer))}
	a.layer = layer
	a.document = image.Document{
		Digest:   image.DigestOf(append([]byte("manifest of "), layer...)),
		Manifest: &image.Manifest{Layers: []image.Descriptor{descriptor}},
	}
}

func mirror(t *testing.T) image.Tag {
	t.Helper()
	repository, err := image.ParseRepository("mirror.example.com/notes")
	if err != nil {
		t.Fatal(err)
	}
	return image.Tag{Repository: repository, Name: "3"}
}

// TestRefreshFromARegistry counts what it costs.
func TestRefreshFromARegistry(t *testing.T) {
	source := &artifact{}
	source.hold(packed(t, files("note 1", metadata)))
	k := NewKeeper(notes(), t.TempDir(), notes().FromRegistry(source, mirror(t)), &reading{})
	refresh(t, k, true)
	refresh(t, k, false)
	if source.resolved != 2 || source.downloaded != 1 {
		t.Errorf("%d requests for the tag and %d downloads, want 2 and 1", source.resolved, source.downloaded)
	}
	if kept := names(t, k.current().folder); len(kept) != 3 {
		t.Errorf("kept are %v", kept)
	}
	k = restarted(t, k)
	refresh(t, k, false)
	if source.resolved != 3 || source.downloaded != 1 {
		t.Errorf("%d requests for the tag and %d downloads, want 3 and 1", source.resolved, source.downloaded)
	}
	source.hold(packed(t, files("note 2", metadata)))
	refresh(t, k, true)
}

func TestARegistryThatFails(t *testing.T) {
	const prefix = "could not pull the notebook mirror.example.com/notes:3: "
	for name, test := range map[string]struct {
		change func(source *artifact)
		want   string
		// unusable says that the artifact is at fault, and not to be fetched again.
		unusable bool
	}{
		"a registry that cannot be reached": {func(a *artifact) {
			a.err = registry.NewError(registry.KindUnavailable, nil, "the registry does not answer")
		}, "could not look for the notebook mirror.example.com/notes:3: the registry does not answer", false},
		"a layer that is not there": {func(a *artifact) { a.layer = []byte("another") }, prefix + "there is no such blob", false},
		"a layer that breaks off": {func(a *artifact) {
			a.broken = registry.NewError(registry.KindUnavailable, nil, "the connection was lost")
		}, prefix + "the connection was lost", false},
		"a layer that is no archive": {func(a *artifact) { a.hold([]byte("garbage")) }, "its archive is not compressed with gzip", true},
		"a layer that is larger than it says": {func(a *artifact) { a.document.Manifest.Layers[0].Size-- },
			"layer.tar.gz is larger than", true},
		"an index": {func(a *artifact) { a.document.Manifest, a.document.Index = nil, &image.Index{} },
			"the artifact must have one layer of the type application/vnd.example.notes", true},
		"an image": {func(a *artifact) {
			a.document.Manifest.Layers[0].MediaType = "application/vnd.oci.image.layer.v1.tar+gzip"
		}, "the artifact must have one layer of the type", true},
		"two layers": {func(a *artifact) {
			a.document.Manifest.Layers = append(a.document.Manifest.Layers, a.document.Manifest.Layers[0])
		}, "the artifact must have one layer of the type", true},
		"a layer that is too large": {func(a *artifact) { a.document.Manifest.Layers[0].Size = notes().MaxArchive + 1 },
			"the artifact's layer is larger than 1048576 bytes", true},
	} {
		t.Run(name, func(t *testing.T) {
			source, folder := &artifact{}, t.TempDir()
			source.hold(packed(t, files("note 1", metadata)))
			test.change(source)
			k := NewKeeper(notes(), folder, notes().FromRegistry(source, mirror(t)), &reading{})
			for range 3 {
				_, err := k.Refresh(t.Context())
				if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, ErrUnusable) != test.unusable {
					t.Errorf("error is %v, want %q", err, test.want)
				}
			}
			if test.unusable && source.downloaded > 1 {
				t.Errorf("downloaded %d times", source.downloaded)
			}
			if left := names(t, folder); len(left) > 0 {
				t.Errorf("left are %v", left)
			}
		})
	}
}

func TestRefreshEndsWithItsContext(t *testing.T) {
	source := &artifact{}
	source.hold(packed(t, files("note 1", metadata)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k := NewKeeper(notes(), t.TempDir(), notes().FromRegistry(source, mirror(t)), &reading{})
	if _, err := k.Refresh(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}
