// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

// sourceOf is an image with layers of the given contents, which no child of these tests looks into.
func sourceOf(layers ...string) inventory.Source {
	var manifest image.Manifest
	var diffIDs []string
	for _, layer := range layers {
		digest := image.DigestOf([]byte(layer))
		manifest.Layers = append(manifest.Layers, image.Descriptor{Digest: digest, Size: int64(len(layer))})
		diffIDs = append(diffIDs, fmt.Sprintf("%q", digest))
	}
	config := fmt.Appendf(nil, `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[%s]}}`, strings.Join(diffIDs, ","))
	manifest.Config.Digest = image.DigestOf(config)
	return inventory.Source{
		Name:     "registry.example.com/app@sha256:1",
		Image:    image.DigestOf([]byte("manifest")),
		Platform: image.Platform{OS: "linux", Architecture: "amd64"},
		Manifest: manifest,
		Config:   config,
		OpenLayer: func(_ context.Context, index int) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(layers[index])), nil
		},
	}
}

func newIndexer(t *testing.T, behaviour string, options Options) *Indexer {
	t.Helper()
	options.Program = program(t, behaviour)
	if options.ScratchDir == "" {
		options.ScratchDir = t.TempDir()
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	x, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		x.Close()
		wantEmpty(t, options.ScratchDir)
	})
	return x
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("left in the scratch folder: %v %v", entries, err)
	}
}

func TestIndex(t *testing.T) {
	t.Setenv("ASSAY_CANARY", "must not reach the child")
	canary, err := os.Open(os.Args[0]) // a descriptor that must not either
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = canary.Close() })
	x := newIndexer(t, "good", Options{Limits: wire.Limits{Entries: 7}})
	source := sourceOf("one", "", "one", strings.Repeat("long", 100_000))
	opened := map[int]int{}
	open := source.OpenLayer
	source.OpenLayer = func(ctx context.Context, index int) (io.ReadCloser, error) {
		opened[index]++
		return open(ctx, index)
	}

	got, err := x.Index(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	var child seen
	if err := json.Unmarshal(got.Detail, &child); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{3, 0, 400_000}, child.Layers); diff != "" {
		t.Errorf("layers: %s", diff)
	}
	if diff := cmp.Diff(map[int]int{0: 1, 1: 1, 3: 1}, opened); diff != "" {
		t.Errorf("layers opened: %s", diff)
	}
	if len(child.Environment) > 0 {
		t.Errorf("the child's environment: %v", child.Environment)
	}
	if diff := cmp.Diff([]string{"0 pipe", "1 pipe", "2 pipe"}, child.Files); diff != "" {
		t.Errorf("the child's files: %s", diff)
	}
	if child.Folder != child.Request.Scratch || !strings.HasPrefix(child.Folder, x.options.ScratchDir) {
		t.Errorf("the child works in %s, its scratch folder is %s", child.Folder, child.Request.Scratch)
	}
	want := ofChild(DefaultLimits())
	want.Entries = 7
	if diff := cmp.Diff(want, child.Request.Limits); diff != "" {
		t.Errorf("limits: %s", diff)
	}

	got.Detail = nil
	one, empty := image.DigestOf([]byte("one")), image.DigestOf(nil)
	if diff := cmp.Diff(inventory.Inventory{
		Version:  inventory.Version,
		Image:    source.Image,
		Platform: source.Platform,
		ImageID:  source.Manifest.Config.Digest,
		DiffIDs:  []image.Digest{one, empty, one, source.Manifest.Layers[3].Digest},
		Packages: 3,
		Problems: []inventory.Problem{
			{Path: "a", Message: strings.Repeat("long", 50)[:197] + "..."},
			{Path: `z\x1b[2J`, Message: "second"},
		},
		Jars:         []inventory.Jar{{Path: "a.jar"}, {Path: "b.jar"}},
		Unidentified: []string{"a.jar", "b.jar"},
	}, got, cmp.Comparer(func(a, b image.Digest) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestListsAreBounded(t *testing.T) {
	got, err := newIndexer(t, "verbose", Options{}).Index(t.Context(), sourceOf())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Problems) != maxListed || got.Problems[0].Path != "path/0000" {
		t.Errorf("got %d problems, the first with %s", len(got.Problems), got.Problems[0].Path)
	}
}

// TestAnAnswerTakesLittleMoreMemoryThanItIsLong holds for lists, whose elements are longer in memory than as text.
func TestAnAnswerTakesLittleMoreMemoryThanItIsLong(t *testing.T) {
	const room = 8 << 20
	x := newIndexer(t, "verbose without end", Options{Limits: wire.Limits{ResultBytes: room}})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := x.Index(t.Context(), sourceOf())
	runtime.ReadMemStats(&after)
	if err != nil || len(got.Problems) != maxListed {
		t.Errorf("got %d problems and %v", len(got.Problems), err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 6*room {
		t.Errorf("an answer of %d bytes took %d", room, took)
	}
}

func TestEnds(t *testing.T) {
	const unreadable = "indexing failed: the indexer's answer cannot be read; are all programs of one version?"
	for behaviour, test := range map[string]struct {
		options Options
		want    error
		text    string
	}{
		"gives up at once":      {want: inventory.ErrMalformedLayer, text: `malformed layer: layer 1 of 1 is not a tar archive\x00`},
		"over limit":            {want: inventory.ErrOverLimit, text: "over the limit: the layers hold more than 10 files"},
		"fails":                 {want: inventory.ErrFailed, text: "indexing failed: no room"},
		"says nothing":          {want: inventory.ErrFailed, text: unreadable},
		"says nonsense":         {want: inventory.ErrFailed, text: unreadable},
		"empty":                 {want: inventory.ErrFailed, text: unreadable},
		"floods":                {want: inventory.ErrFailed, text: unreadable},
		"floods with findings":  {want: inventory.ErrOverLimit, text: "over the limit: what the indexer says has more than 64 MiB"},
		"counts below zero":     {want: inventory.ErrFailed, text: unreadable},
		"knows without looking": {want: inventory.ErrFailed, text: unreadable},
		"never remembers":       {want: inventory.ErrFailed, text: "indexing failed: what was kept of a layer cannot be read"},
		"panics":                {want: inventory.ErrFailed, text: "indexing failed: the indexer crashed on the image"},
		"exits":                 {want: inventory.ErrFailed, text: "indexing failed: the indexer ended with exit status 3; its log has more"},
		"is killed": {want: inventory.ErrFailed,
			text: "indexing failed: the indexer was killed from outside; the memory of the node or container may be too small"},
		"hangs":       {Options{Deadline: time.Second}, inventory.ErrDeadline, "deadline exceeded: indexing takes longer than 1s"},
		"eats memory": {Options{Limits: wire.Limits{Memory: 512 << 20}}, inventory.ErrOverLimit, "over the limit: one of the processes that index the image needs more than 256 MiB of memory"},
		"eats time":   {Options{Limits: wire.Limits{CPU: 2 * time.Second}}, inventory.ErrOverLimit, "over the limit: one of the processes that index the image needs more than 1s of processor time"},
	} {
		t.Run(behaviour, func(t *testing.T) {
			if behaviour == "eats memory" && raceDetector {
				t.Skip("the race detector crashes instead")
			}
			_, err := newIndexer(t, behaviour, test.options).Index(t.Context(), sourceOf(strings.Repeat("layer", 1<<20)))
			if !errors.Is(err, test.want) || err.Error() != test.text {
				t.Errorf("got %v\nwant %s", err, test.text)
			}
		})
	}
}

func TestErrorsOfTheSourceComeBackUnchanged(t *testing.T) {
	lie := errors.New("the content does not have its digest")
	for name, test := range map[string]struct {
		behaviour string
		open      func() (io.ReadCloser, error)
	}{
		"a layer cannot be opened": {"good", func() (io.ReadCloser, error) { return nil, lie }},
		"a layer breaks off": {"good", func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("begun"), iotest.ErrReader(lie))), nil
		}},
		"a lie shows at the end, after the child took it for a malformed layer": {"gives up at once", func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(io.LimitReader(zeros{}, 10<<20), iotest.ErrReader(lie))), nil
		}},
		"a lie shows at the end, after the child crashed": {"panics", func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(io.LimitReader(zeros{}, 10<<20), iotest.ErrReader(lie))), nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			source := sourceOf("layer")
			source.OpenLayer = func(context.Context, int) (io.ReadCloser, error) { return test.open() }
			_, err := newIndexer(t, test.behaviour, Options{}).Index(t.Context(), source)
			if err != lie { //nolint:errorlint // not wrapped is the point
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestWhatAChildLeavesBehindKeepsNobody holds that a process of the child's that outlives it, with its ends of the pipes, does
// not keep the caller for ever.
func TestWhatAChildLeavesBehindKeepsNobody(t *testing.T) {
	for behaviour, test := range map[string]struct {
		layer   string
		options Options
		want    error
	}{
		"leaves another":           {},
		"leaves another and hangs": {strings.Repeat("layer", 1<<20), Options{Deadline: time.Second}, inventory.ErrDeadline},
	} {
		t.Run(behaviour, func(t *testing.T) {
			x := newIndexer(t, behaviour, test.options)
			path := filepath.Join(filepath.Dir(x.options.Program), "life")
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			life, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = life.Close() })
			ended := make(chan error, 1)
			go func() {
				_, err := x.Index(t.Context(), sourceOf(test.layer))
				ended <- err
			}()
			select {
			case err := <-ended:
				if !errors.Is(err, test.want) {
					t.Errorf("got %v, want %v", err, test.want)
				}
			case <-time.After(30 * time.Second):
				_ = life.Close()
				t.Errorf("the caller was kept until the other process ended: %v", <-ended)
			}
		})
	}
}

func TestImagesThatContradictThemselves(t *testing.T) {
	x := newIndexer(t, "panics", Options{})
	source := sourceOf("a", "b")
	source.Manifest.Layers = source.Manifest.Layers[:1]
	if _, err := x.Index(t.Context(), source); !errors.Is(err, inventory.ErrMalformedLayer) {
		t.Errorf("a layer too few: %v", err)
	}
	source.Config = []byte(`{"rootfs": 1}`)
	if _, err := x.Index(t.Context(), source); !errors.Is(err, inventory.ErrMalformedLayer) || !errors.Is(err, image.ErrMalformed) {
		t.Errorf("a malformed configuration: %v", err)
	}
}

func TestCancelling(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	source := sourceOf("layer")
	source.OpenLayer = func(ctx context.Context, _ int) (io.ReadCloser, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if _, err := newIndexer(t, "good", Options{}).Index(ctx, source); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestTheDeadlineHoldsForFetching(t *testing.T) {
	source := sourceOf("layer")
	source.OpenLayer = func(ctx context.Context, _ int) (io.ReadCloser, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	_, err := newIndexer(t, "good", Options{Deadline: 100 * time.Millisecond}).Index(t.Context(), source)
	if !errors.Is(err, inventory.ErrDeadline) {
		t.Errorf("got %v", err)
	}
}

func TestWarnsOnceOfMissingWalls(t *testing.T) {
	var log bytes.Buffer
	x := newIndexer(t, "unconfined", Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for range 2 {
		if _, err := x.Index(t.Context(), sourceOf("layer")); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(log.String(), "level=WARN"); got != 1 {
		t.Errorf("warned %d times:\n%s", got, &log)
	}
}

func TestLogsTheLastWordsOfACrashQuoted(t *testing.T) {
	var log bytes.Buffer
	x := newIndexer(t, "exits", Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if _, err := x.Index(t.Context(), sourceOf("layer")); err == nil || strings.Contains(err.Error(), "said by") {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(log.String(), `stderr="said by an image"`) {
		t.Errorf("logged %s", &log)
	}
}

// zeros is an endless layer.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestMemoryStaysFlat(t *testing.T) {
	const layer, most = 256 << 20, 4 << 20
	source := sourceOf("layer")
	source.OpenLayer = func(context.Context, int) (io.ReadCloser, error) {
		return io.NopCloser(io.LimitReader(zeros{}, layer)), nil
	}
	for _, behaviour := range []string{"good", "eats memory"} {
		x := newIndexer(t, behaviour, Options{})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := x.Index(t.Context(), source)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > most {
			t.Errorf("a child that is %q: allocated %d bytes while a layer of %d went through, error %v", behaviour, got, layer, err)
		}
	}
}

func TestNothingIsLeftOpen(t *testing.T) {
	for _, behaviour := range []string{"good", "panics", "gives up at once"} {
		options := Options{Program: program(t, behaviour), ScratchDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
		work := func() {
			x, err := New(options)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				_, _ = x.Index(t.Context(), sourceOf(strings.Repeat("layer", 100_000), "another"))
			}
			x.Close()
		}
		work()
		files, goroutines := len(openFiles()), runtime.NumGoroutine()
		for range 3 {
			work()
		}
		if got := len(openFiles()); got > files {
			t.Errorf("a child that is %q: %d open files, %d before", behaviour, got, files)
		}
		// Those that have done their work may not be gone yet.
		for began := time.Now(); runtime.NumGoroutine() > goroutines && time.Since(began) < 10*time.Second; {
			runtime.Gosched()
		}
		if got := runtime.NumGoroutine(); got > goroutines {
			t.Errorf("a child that is %q: %d goroutines, %d before", behaviour, got, goroutines)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, options := range map[string]Options{
		"no program":                   {},
		"a program that is not there":  {Program: t.TempDir() + "/assay-index"},
		"a scratch folder that is not": {Program: os.Args[0], ScratchDir: t.TempDir() + "/none"},
	} {
		if _, err := New(options); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
