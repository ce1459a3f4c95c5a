// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

// Package trivy finds out what is in an image, with trivy's analyzers. It is linked by assay-index only: the analyzers bring
// 120 MB of process along, and what an image does to them is to happen in a process that has nothing to lose.
package trivy

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/aquasecurity/trivy/pkg/fanal/analyzer"
	"github.com/aquasecurity/trivy/pkg/fanal/handler"

	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/inventory/wire"
)

// indexer indexes one image.
type indexer struct {
	limits   wire.Limits
	settings wire.Settings
	group    analyzer.AnalyzerGroup
	handlers handler.Manager
	options  analyzer.AnalysisOptions
	journal  *journal

	bytes          int64 // that the layers so far decompressed to
	entriesOfImage int   // in the layers so far
}

// newIndexer sets trivy up. It takes the process's default logger, which is where trivy says what it could not parse: a
// process has one indexer.
func newIndexer(limits wire.Limits, settings wire.Settings) (*indexer, error) {
	x := &indexer{limits: limits, settings: settings, journal: &journal{}}
	slog.SetDefault(slog.New(x.journal)) // before the analyzers are made, which keep it
	option := artifactOption(runtime.GOMAXPROCS(0))
	x.options = analyzer.AnalysisOptions{Offline: option.Offline, FileChecksum: option.FileChecksum}
	var err error
	x.group, x.handlers, err = newAnalyzers(option)
	return x, err
}

// index reads the layers and returns what is in the image. Errors that are failures say what is wrong with the image.
func (x *indexer) index(ctx context.Context, img wire.Image, layers *wire.Reader) (contents wire.Contents, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			fmt.Fprintf(os.Stderr, "panic: %v\n%s", cause, debug.Stack())
			err = failed("the indexer crashed on the image")
		}
	}()
	results := make([]layerResult, len(img.Layers))
	first := map[image.Digest]int{}
	for _, i := range img.Distinct() {
		name := fmt.Sprintf("layer %d of %d", i+1, len(img.Layers))
		if results[i], err = x.inspect(ctx, name, img.Layers[i].DiffID, layers.Stream()); err != nil {
			return wire.Contents{}, err
		}
		first[img.Layers[i].Digest] = i
	}
	for i, layer := range img.Layers {
		same := first[layer.Digest]
		if layer.DiffID != img.Layers[same].DiffID {
			return wire.Contents{}, malformed("layer %d of %d does not have the diff ID of the configuration", i+1, len(img.Layers))
		}
		results[i] = results[same]
	}
	return x.apply(ctx, img, results)
}
