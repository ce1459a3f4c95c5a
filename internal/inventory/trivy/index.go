// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package trivy finds out what is in an image, with trivy's analyzers. It is linked by assay-index only: the analyzers bring
// 120 MB of process along, and what an image does to them is to happen in a process that has nothing to lose.
package trivy

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/aquasecurity/trivy/pkg/fanal/analyzer"
	"github.com/aquasecurity/trivy/pkg/fanal/handler"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory/trivy/secrets"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

// indexer finds out what is in layers of one image, and in the image.
type indexer struct {
	limits   wire.Limits
	settings wire.Settings
	group    analyzer.AnalyzerGroup
	handlers handler.Manager
	searcher *secrets.Searcher // nil when nobody looks for secrets
	options  analyzer.AnalysisOptions
	journal  *journal
}

// newIndexer sets trivy up. It takes the process's default logger, which is where trivy says what it could not parse: a
// process has one indexer at a time.
func newIndexer(limits wire.Limits, settings wire.Settings) (*indexer, error) {
	x := &indexer{limits: limits, settings: settings, journal: &journal{}}
	slog.SetDefault(slog.New(x.journal)) // before the analyzers are made, which keep it
	option := artifactOption(runtime.GOMAXPROCS(0))
	x.options = analyzer.AnalysisOptions{Offline: option.Offline, FileChecksum: option.FileChecksum}
	var err error
	if x.searcher, err = newSearcher(settings); err != nil {
		return nil, err
	}
	x.group, x.handlers, err = newAnalyzers(option)
	return x, err
}

// do does a task and answers. Errors that are failures say what is wrong with the image.
func (x *indexer) do(ctx context.Context, img wire.Image, task wire.Task, r *wire.Reader, w *wire.Writer) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			fmt.Fprintf(os.Stderr, "panic: %v\n%s", cause, debug.Stack())
			err = failed("the indexer crashed on the image")
		}
	}()
	if task.Apply {
		return x.image(ctx, img, r, w)
	}
	if task.Layer < 0 || task.Layer >= len(img.Layers) {
		return wire.ErrNonsense
	}
	return x.layer(ctx, nameOf(img, task.Layer), img.Layers[task.Layer].DiffID, r, w)
}

// layer looks into a layer and says what is in it.
func (x *indexer) layer(ctx context.Context, name string, diffID image.Digest, r *wire.Reader, w *wire.Writer) error {
	result, measures, err := x.inspect(ctx, name, diffID, r.Stream())
	if err != nil {
		return err
	}
	encoded, err := result.encode(name, x.limits.ResultBytes)
	if err != nil {
		return err
	}
	if err := w.WriteMessage(wire.Answer{Outcome: wire.Indexed, Measures: &measures}); err != nil {
		return err
	}
	return w.WriteBytes(encoded)
}

// image lays the layers on each other and says what is in the image.
func (x *indexer) image(ctx context.Context, img wire.Image, r *wire.Reader, w *wire.Writer) error {
	found, err := x.found(img, r)
	if err != nil {
		return err
	}
	config, err := r.ReadBytes(image.MaxConfigSize)
	if err != nil {
		return err
	}
	results := make([]layerResult, len(img.Layers))
	for i, layer := range img.Layers {
		// Each is decoded for itself, since applying changes what it is given.
		if err := results[i].decode(found[layer.Digest], x.limits.ResultBytes); err != nil {
			return &wire.Failure{Outcome: wire.Forgotten, Message: err.Error()}
		}
	}
	contents, details, err := x.apply(ctx, img, config, results)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(details)
	if err != nil {
		return fmt.Errorf("encode the inventory: %w", err)
	}
	if int64(len(encoded)) > x.limits.ResultBytes {
		return overLimit("the inventory has more than %s", wire.Size(x.limits.ResultBytes))
	}
	if err := w.WriteMessage(wire.Answer{Outcome: wire.Indexed, Contents: &contents}); err != nil {
		return err
	}
	return w.WriteBytes(encoded)
}

// found reads what was found in each layer, by this process, another one, or long ago.
func (x *indexer) found(img wire.Image, r *wire.Reader) (map[image.Digest][]byte, error) {
	found := map[image.Digest][]byte{}
	for _, i := range img.Distinct() {
		var err error
		if found[img.Layers[i].Digest], err = r.ReadBytes(x.limits.ResultBytes); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func nameOf(img wire.Image, index int) string {
	return fmt.Sprintf("layer %d of %d", index+1, len(img.Layers))
}
