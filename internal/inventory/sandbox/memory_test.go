// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/evidence/fake"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

// looked is what indexing an image took.
type looked struct {
	Into  []int64  // bytes of the layers that the child that told of the image looked into
	Found []string // in all layers
}

func look(t *testing.T, x *Indexer, source inventory.Source) looked {
	t.Helper()
	made, err := x.Index(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	var child seen
	if err := json.Unmarshal(made.Detail, &child); err != nil {
		t.Fatal(err)
	}
	return looked{Into: child.Layers, Found: child.Found}
}

// kept returns what the store has of a layer.
func kept(t *testing.T, store evidence.Store, layer string, settings wire.Settings) entry {
	t.Helper()
	content, err := store.Get(t.Context(), image.DigestOf([]byte(layer)), kind(settings))
	if err != nil {
		t.Fatal(err)
	}
	e, ok := open(content)
	if !ok {
		t.Fatalf("%q is no entry", content)
	}
	return e
}

// put replaces what the store has of a layer.
func put(t *testing.T, store evidence.Store, e entry) {
	t.Helper()
	content, err := e.encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Put(t.Context(), e.record.Layer, kind(e.record.Settings), content); err != nil {
		t.Fatal(err)
	}
}

func TestWhatWasFoundInALayerServesOtherImages(t *testing.T) {
	x := newIndexer(t, "good", Options{Layers: &fake.Store{}})
	all := []string{"4 bytes", "3 bytes"}
	if diff := cmp.Diff(looked{Into: []int64{4, 3}, Found: all}, look(t, x, sourceOf("base", "app"))); diff != "" {
		t.Errorf("a new image: %s", diff)
	}
	source := sourceOf("base", "app")
	source.OpenLayer = nil
	if diff := cmp.Diff(looked{Found: all}, look(t, x, source)); diff != "" {
		t.Errorf("an image of which all is known: %s", diff)
	}
	source = sourceOf("base", "other app", "base")
	open := source.OpenLayer
	source.OpenLayer = func(ctx context.Context, index int) (io.ReadCloser, error) {
		if index != 1 {
			t.Errorf("layer %d is fetched again", index)
		}
		return open(ctx, index)
	}
	if diff := cmp.Diff(looked{Into: []int64{9}, Found: []string{"4 bytes", "9 bytes"}}, look(t, x, source)); diff != "" {
		t.Errorf("another image on the same base: %s", diff)
	}
}

func TestWhatIsKeptServesOnlyWhomItMay(t *testing.T) {
	stranger := image.DigestOf([]byte("stranger"))
	for name, test := range map[string]struct {
		change  func(*record)
		secrets bool
		again   bool
	}{
		"the same image":     {func(*record) {}, false, false},
		"of other analyzers": {func(r *record) { r.Analyzers = "older ones" }, false, true},
		"by a process that had seen a layer of the image":             {func(r *record) { r.Witnesses = []image.Digest{image.DigestOf([]byte("app"))} }, false, false},
		"by a process that had seen a layer that the image has not":   {func(r *record) { r.Witnesses = []image.Digest{stranger} }, false, true},
		"by a process that had seen such a layer beside one that has": {func(r *record) { r.Witnesses = []image.Digest{r.Layer, stranger} }, false, true},
		"with another diff ID": {func(r *record) { r.DiffID = stranger }, false, true},
		"of another layer":     {func(r *record) { r.Layer = stranger }, false, true},
		"of a layer that is larger than layers may be now":       {func(r *record) { r.Measures.Bytes = DefaultLimits().LayerBytes + 1 }, false, true},
		"without secrets, for an image in which they are sought": {func(*record) {}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			store := &fake.Store{}
			x := newIndexer(t, "good", Options{Layers: store})
			source := sourceOf("base", "app")
			look(t, x, source)
			e := kept(t, store, "base", wire.Settings{})
			test.change(&e.record)
			content, err := e.encode()
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Put(t.Context(), image.DigestOf([]byte("base")), evidence.KindLayer, content); err != nil {
				t.Fatal(err)
			}
			source.Secrets = test.secrets
			if got := slices.Contains(look(t, x, source).Into, 4); got != test.again {
				t.Errorf("looked into again: %v, want %v", got, test.again)
			}
			again := kept(t, store, "base", wire.Settings{Secrets: test.secrets})
			if again.record.Settings.Secrets != test.secrets || test.again && len(again.record.Witnesses) > 0 {
				t.Errorf("kept instead: %+v", again.record)
			}
		})
	}
}

// TestWitnesses: what is kept of a layer names all layers that the child had been given, and none of them is above it.
func TestWitnesses(t *testing.T) {
	contents := []string{"layer 0", "layer 1", "layer 2", "layer 3", "layer 4", "layer 5"}
	position := map[image.Digest]int{}
	for i, content := range contents {
		position[image.DigestOf([]byte(content))] = i
	}
	for name, two := range map[string]bool{"one child": false, "two children": true} {
		t.Run(name, func(t *testing.T) {
			store := &fake.Store{}
			x := newIndexer(t, "good", Options{Layers: store})
			source := sourceOf(contents...)
			if two {
				withTwoChildren(t, source)
			}
			look(t, x, source)
			for i, content := range contents {
				witnesses := kept(t, store, content, wire.Settings{}).record.Witnesses
				for _, witness := range witnesses {
					if position[witness] >= i {
						t.Errorf("layer %d had layer %d for a witness", i, position[witness])
					}
				}
				if !two && len(witnesses) != i {
					t.Errorf("layer %d has %d witnesses", i, len(witnesses))
				}
			}
		})
	}
}

func TestWhatCannotBeReadIsFoundAgain(t *testing.T) {
	for name, damage := range map[string]func(*testing.T, *fake.Store){
		"bytes that are no record": func(t *testing.T, store *fake.Store) {
			if err := store.Put(t.Context(), image.DigestOf([]byte("base")), evidence.KindLayer, []byte("garbage")); err != nil {
				t.Fatal(err)
			}
		},
		"nothing": func(t *testing.T, store *fake.Store) {
			if err := store.Put(t.Context(), image.DigestOf([]byte("base")), evidence.KindLayer, nil); err != nil {
				t.Fatal(err)
			}
		},
		"a record of something that the child cannot read": func(t *testing.T, store *fake.Store) {
			e := kept(t, store, "base", wire.Settings{})
			e.content = []byte("garbage")
			put(t, store, e)
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := &fake.Store{}
			x := newIndexer(t, "cannot read what it is told", Options{Layers: store})
			for range 2 {
				if _, err := x.Index(t.Context(), sourceOf("base", "app")); err != nil {
					t.Fatal(err)
				}
				if e := kept(t, store, "base", wire.Settings{}); string(e.content) == "garbage" {
					t.Errorf("kept: %q", e.content)
				}
				damage(t, store)
			}
			if _, err := x.Index(t.Context(), sourceOf("base", "app")); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAFailingStoreCostsOnlyTime(t *testing.T) {
	for name, failure := range map[string]error{"full": evidence.ErrFull, "too large": evidence.ErrTooLarge, "broken": errors.New("input/output error")} {
		t.Run(name, func(t *testing.T) {
			store := &fake.Store{}
			store.Fail(failure)
			x := newIndexer(t, "good", Options{Layers: store})
			for range 2 {
				if diff := cmp.Diff([]int64{4, 3}, look(t, x, sourceOf("base", "app")).Into); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestLimitsHoldForAllLayersOfAnImage(t *testing.T) {
	for name, test := range map[string]struct {
		behaviour string
		limits    wire.Limits
		text      string
	}{
		"bytes":   {"good", wire.Limits{ImageBytes: 11}, "over the limit: the layers decompress to more than 11 bytes"},
		"entries": {"good", wire.Limits{Entries: 2}, "over the limit: the layers have more than 2 files, folders and links"},
		"what is found": {"finds much in each layer", wire.Limits{ResultBytes: 1 << 20},
			"over the limit: what is in the layers takes more than 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			store := &fake.Store{}
			x := newIndexer(t, test.behaviour, Options{Layers: store, Limits: test.limits})
			for _, fits := range [][]string{{"one", "two"}, {"three"}} {
				if _, err := x.Index(t.Context(), sourceOf(fits...)); test.behaviour == "good" && err != nil {
					t.Fatal(err)
				}
			}
			for range 2 { // with what is known of its layers
				_, err := x.Index(t.Context(), sourceOf("one", "two", "three", "another"))
				if !errors.Is(err, inventory.ErrOverLimit) || err.Error() != test.text {
					t.Errorf("got %v, want %s", err, test.text)
				}
			}
		})
	}
}

// withTwoChildren has an image indexed by two children at once, as far as there is work.
func withTwoChildren(t *testing.T, source inventory.Source) {
	t.Helper()
	previous := runtime.GOMAXPROCS(2)
	t.Cleanup(func() { runtime.GOMAXPROCS(previous) })
	for i := range source.Manifest.Layers {
		source.Manifest.Layers[i].Size = worthAnother + 1
	}
}

// TestTheLowestFailureCounts: an image with several failures fails in the same way each time.
func TestTheLowestFailureCounts(t *testing.T) {
	x := newIndexer(t, "fails at the layer with three bytes", Options{})
	source := sourceOf("abc", "xyz", "base")
	withTwoChildren(t, source)
	closed := make(chan struct{})
	source.OpenLayer = func(_ context.Context, index int) (io.ReadCloser, error) {
		if index == 0 {
			return io.NopCloser(io.MultiReader(waitingFor(closed), strings.NewReader("abc"))), nil
		}
		return closing{strings.NewReader("xyz"), closed}, nil
	}
	if _, err := x.Index(t.Context(), source); !errors.Is(err, inventory.ErrMalformedLayer) || err.Error() != "malformed layer: layer 0" {
		t.Errorf("got %v", err)
	}
}

// TestAFailureEndsWorkOnTheLayersAbove has a layer without end above one that fails.
func TestAFailureEndsWorkOnTheLayersAbove(t *testing.T) {
	x := newIndexer(t, "fails at the layer with three bytes", Options{})
	source := sourceOf("abc", "endless")
	withTwoChildren(t, source)
	begun := make(chan struct{})
	source.OpenLayer = func(ctx context.Context, index int) (io.ReadCloser, error) {
		if index == 0 {
			return io.NopCloser(io.MultiReader(waitingFor(begun), strings.NewReader("abc"))), nil
		}
		close(begun)
		return io.NopCloser(readerUntil{ctx}), nil
	}
	if _, err := x.Index(t.Context(), source); !errors.Is(err, inventory.ErrMalformedLayer) || err.Error() != "malformed layer: layer 0" {
		t.Errorf("got %v", err)
	}
}

// closing says when it is closed.
type closing struct {
	io.Reader
	closed chan<- struct{}
}

func (c closing) Close() error {
	close(c.closed)
	return nil
}

// readerUntil is an endless layer whose reader ends with a context, as those of registries do.
type readerUntil struct{ ctx context.Context } //nolint:containedctx // a stream lives as long as its request

func (r readerUntil) Read(p []byte) (int, error) { return len(p), r.ctx.Err() }

// TestTheNextLayerIsOpenedAhead holds for one that is opened while the one before it is still being read.
func TestTheNextLayerIsOpenedAhead(t *testing.T) {
	x := newIndexer(t, "good", Options{})
	source := sourceOf(strings.Repeat("first", 1<<20), "second")
	opened := make(chan struct{})
	open := source.OpenLayer
	source.OpenLayer = func(ctx context.Context, index int) (io.ReadCloser, error) {
		if index == 1 {
			close(opened)
			return open(ctx, index)
		}
		first, err := open(ctx, index)
		size := source.Manifest.Layers[0].Size
		return io.NopCloser(io.MultiReader(io.LimitReader(first, size-1), waitingFor(opened), first)), err
	}
	if got := look(t, x, source).Into; !slices.Equal(got, []int64{5 << 20, 6}) {
		t.Errorf("looked into %v", got)
	}
}

// waitingFor is a reader of nothing that ends when something has happened.
type waitingFor <-chan struct{}

func (w waitingFor) Read([]byte) (int, error) {
	<-w
	return 0, io.EOF
}
