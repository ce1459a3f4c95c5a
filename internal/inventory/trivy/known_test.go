// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trivy_test

import (
	"bytes"
	"context"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/klauspost/compress/zstd"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/evidence/fake"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/sandbox"
	"github.com/assay-dev/assay/test/images"
)

// recorder is a store that remembers all that was ever put into it.
type recorder struct {
	fake.Store

	mu   sync.Mutex
	puts [][]byte
}

func (r *recorder) Put(ctx context.Context, subject image.Digest, kind evidence.Kind, content []byte) error {
	r.mu.Lock()
	r.puts = append(r.puts, slices.Clone(content))
	r.mu.Unlock()
	return r.Store.Put(ctx, subject, kind, content)
}

// wantNothingOf looks for texts in all that was put, also within what is compressed.
func (r *recorder) wantNothingOf(t *testing.T, texts ...string) {
	t.Helper()
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	if len(r.puts) == 0 {
		t.Error("nothing was kept")
	}
	for _, content := range r.puts {
		plain, err := decoder.DecodeAll(content[bytes.Index(content, []byte{0x28, 0xb5, 0x2f, 0xfd}):], nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if bytes.Contains(content, []byte(text)) || bytes.Contains(plain, []byte(text)) {
				t.Errorf("what is kept of a layer has %q", text)
			}
		}
	}
}

// withHistory says who made the layers, in a way from which trivy concludes that the first layer is somebody else's image, in which it
// does not look for secrets.
func withHistory(img v1.Image, name string) (v1.Image, error) {
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.History = []v1.History{
		{CreatedBy: "/bin/sh -c #(nop) ADD file:1 in / # " + name}, {CreatedBy: `/bin/sh -c #(nop) CMD ["bash"]`, EmptyLayer: true},
		{CreatedBy: "COPY . . # " + name}, {CreatedBy: `ENTRYPOINT ["app"] # ` + name, EmptyLayer: true},
	}
	config.Config.Env = []string{"OWNER=" + name}
	return mutate.ConfigFile(img, config)
}

// TestNothingOfOneImageReachesAnother: images that share layers, with different histories, and looked through for secrets or
// not, are each found to be what they are found to be alone, whatever was looked at before.
func TestNothingOfOneImageReachesAnother(t *testing.T) {
	secret := "token = " + planted + "\n"
	build := layered(
		debian(text("var/lib/dpkg/status", bash+zlib), text("srv/token", secret), text("app/broken/package.json", "{")),
		[]images.File{text("app/package.json", lodash), {Path: "app/lib.jar", Body: archive(t)}, text("home/token", secret)},
	)
	plain := images.Build(t, build)
	subjects := map[string]v1.Image{"without a history": plain}
	for _, name := range []string{"first-owner", "second-owner"} {
		subjects[name] = images.Build(t, func() (v1.Image, error) { return withHistory(plain, name) })
	}
	type subject struct {
		name    string
		secrets bool
	}
	want := map[subject]inventory.Inventory{}
	order := []subject{}
	alone := newIndexer(t, sandbox.Options{})
	index := func(t *testing.T, x inventory.Indexer, s subject) inventory.Inventory {
		t.Helper()
		source := sourceOf(t, subjects[s.name])
		source.Secrets = s.secrets
		made, err := x.Index(t.Context(), source)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	for _, name := range []string{"first-owner", "without a history", "second-owner"} {
		for _, secrets := range []bool{false, true} {
			s := subject{name, secrets}
			order = append(order, s)
			want[s] = index(t, alone, s)
			if found := len(want[s].Secrets); secrets && found < 2 || !secrets && found > 0 {
				t.Fatalf("%+v: %d secrets were found", s, found)
			}
		}
	}
	for _, direction := range []func([]subject){func([]subject) {}, slices.Reverse[[]subject]} {
		direction(order)
		store := &recorder{}
		x := newIndexer(t, sandbox.Options{Layers: store})
		for _, s := range order {
			if diff := cmp.Diff(want[s], index(t, x, s), cmp.Comparer(func(a, b image.Digest) bool { return a == b })); diff != "" {
				t.Errorf("%+v after others: %s", s, diff)
			}
		}
		if got := len(store.puts); got != 4 {
			t.Errorf("%d layers were looked into, want 2 with and 2 without looking for secrets", got)
		}
		store.wantNothingOf(t, planted, "owner", "COPY", "bin/sh")
	}
}

// TestKnownLayersAreNotFetched holds for the real indexer, also for a layer that is somewhere else in the image.
func TestKnownLayersAreNotFetched(t *testing.T) {
	base, app := debian(text("var/lib/dpkg/status", bash)), []images.File{text("app/package.json", lodash)}
	x := newIndexer(t, sandbox.Options{Layers: &fake.Store{}})
	for _, test := range []struct {
		layers [][]images.File
		want   []int
	}{
		{[][]images.File{base, app}, []int{0, 1}},
		{[][]images.File{base, app}, nil},
		{[][]images.File{base, nil, app}, []int{1}},
		{[][]images.File{app, base, app}, nil},
		// What is in this app was found by a process that had seen the base.
		{[][]images.File{app}, []int{0}},
		{[][]images.File{base, app}, nil},
	} {
		source := sourceOf(t, images.Build(t, layered(test.layers...)))
		open := source.OpenLayer
		var opened []int
		source.OpenLayer = func(ctx context.Context, index int) (io.ReadCloser, error) {
			opened = append(opened, index)
			return open(ctx, index)
		}
		got, err := x.Index(t.Context(), source)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, opened); diff != "" {
			t.Errorf("%d layers: %s", len(test.layers), diff)
		}
		fresh, err := newIndexer(t, sandbox.Options{}).Index(t.Context(), source)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(fresh, got, cmp.Comparer(func(a, b image.Digest) bool { return a == b })); diff != "" {
			t.Error(diff)
		}
	}
}
